"""Records to what the encoder sees: (head, text or pair, label), by the forms of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from classify.models import form
from classify.models.windows import ALONE, BESIDE, windows
from training.record import Record

#: Task of a record to the head that it trains.
HEADS = {
    "jailbreak": "jailbreak",
    "prompt_injection": "prompt_injection",
    "toxicity": "toxicity",
    "user_frustration": "user_frustration",
    "hallucination": "hallucination",
    "retrieval_relevance": "retrieval_relevance",
    "goal_completion": "goal_completion",
    "forgetfulness": "forgetfulness",
    "instruction_following": "instruction_following",
    "tool_call_error": "tool_call",
}

Input = str | form.Pair


@dataclass(slots=True)
class Sample:
    """``choices``: windows of a text that fails, of which at least one does; else the one input."""

    head: str
    choices: list[Input]
    label: float
    source: str
    group: str


def samples(record: Record) -> Iterator[Sample]:
    """What the record teaches; nothing for a label that is undecided or a form of another use."""
    if record.label not in (0.0, 1.0):
        return
    head = HEADS[record.task]
    choices = [each for each in _inputs(head, record) if any(each)]
    if not choices:
        return
    if record.label == 1.0 or len(choices) == 1:
        yield Sample(head, choices, record.label, record.source, record.group)
        return
    # Every window of a healthy text is healthy; two of them are enough of one source.
    for each in choices[:2]:
        yield Sample(head, [each], 0.0, record.source, record.group)


def _inputs(head: str, record: Record) -> list[Input]:
    asked = _asked(record)
    if head == "prompt_injection":
        found = [*record.context, *(str(step.get("output", "")) for step in record.steps)]
        texts, fetched = (found, True) if found else ([asked], False)
        return [form.prompt_injection(w.text, fetched) for t in texts for w in windows(t, ALONE)]
    if head == "jailbreak":
        return [form.jailbreak(w.text) for w in windows(asked, ALONE)]
    if head == "toxicity":
        text = record.output or asked
        return [form.toxicity(w.text) for w in windows(text, ALONE)]
    if head == "user_frustration":
        turns = [(str(m.get("role", "")), str(m.get("content", ""))) for m in _turns(record)]
        return [form.user_frustration(turns)] if turns else []
    if head == "hallucination":
        if not record.kind.endswith("/pair") and len(record.output) > 300:
            return []
        context = "\n".join(record.context) or "\n".join(
            str(step.get("output", "")) for step in record.steps
        )
        parts = windows(context, 2 * BESIDE)
        return [form.hallucination(parts[0].text, record.output)] if len(parts) == 1 else []
    if head == "retrieval_relevance":
        return [
            form.retrieval_relevance(asked, windows(c, BESIDE)[0].text) for c in record.context[:1]
        ]
    if head == "goal_completion":
        steps = [
            (
                str(step.get("name", "")),
                _decoded(step.get("input", "")),
                str(step.get("output", "")),
                bool(step.get("error")) or step.get("status") == "error",
            )
            for step in record.steps
        ]
        return [form.goal_completion(asked, form.outcome(record.output, steps))]
    if head == "forgetfulness":
        if not record.kind.endswith("/pair"):
            return []
        return [form.forgetfulness(c, record.output) for c in record.context[:1]]
    if head == "instruction_following":
        return [form.instruction_following(asked, record.output)]
    return _tool_calls(record, asked)


def _tool_calls(record: Record, asked: str) -> list[Input]:
    if len(record.steps) != 1:
        return []
    step = record.steps[0]
    descriptions = {}
    for text in record.context:
        tool = _decoded(text)
        if isinstance(tool, dict):
            descriptions[tool.get("name")] = str(tool.get("description", ""))
    name = str(step.get("name", ""))
    told = form.call(name, _decoded(step.get("input", "")), descriptions.get(name, ""))
    return [form.tool_call(asked, told)]


def _turns(record: Record) -> list[dict[str, Any]]:
    if isinstance(record.input, str):
        return [{"role": "user", "content": record.input}] if record.input else []
    return record.input


def _asked(record: Record) -> str:
    """The last user turn."""
    said = [m for m in _turns(record) if m.get("role") == "user"]
    return str(said[-1].get("content", "")) if said else ""


def _decoded(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return text
