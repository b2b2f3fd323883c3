"""Records to what the encoder sees: (head, text, label), by the forms of the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from classify.models import form
from classify.models.windows import ALONE, windows
from training.record import Record

#: Tasks that a head learns, each by its own name.
HEADS = frozenset(("jailbreak", "prompt_injection", "toxicity", "user_frustration"))


@dataclass(slots=True)
class Sample:
    """``choices``: windows of a text that fails, of which at least one does; else the one input."""

    head: str
    choices: list[str]
    label: float
    source: str
    group: str


def samples(record: Record) -> Iterator[Sample]:
    """What the record teaches; nothing for a label that is undecided or a form of another use."""
    head = record.task
    if record.label not in (0.0, 1.0) or head not in HEADS:
        return
    choices = [each for each in _inputs(head, record) if each]
    if not choices:
        return
    if record.label == 1.0 or len(choices) == 1:
        yield Sample(head, choices, record.label, record.source, record.group)
        return
    # Every window of a healthy text is healthy; two of them are enough of one source.
    for each in choices[:2]:
        yield Sample(head, [each], 0.0, record.source, record.group)


def _inputs(head: str, record: Record) -> list[str]:
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
    turns = [(str(m.get("role", "")), str(m.get("content", ""))) for m in _turns(record)]
    return [form.user_frustration(turns)] if turns else []


def _turns(record: Record) -> list[dict[str, Any]]:
    if isinstance(record.input, str):
        return [{"role": "user", "content": record.input}] if record.input else []
    return record.input


def _asked(record: Record) -> str:
    """The last user turn."""
    said = [m for m in _turns(record) if m.get("role") == "user"]
    return str(said[-1].get("content", "")) if said else ""
