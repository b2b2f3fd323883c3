"""Two traces side by side, step by step."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from everyspan.replay.answers import COVERED, SOURCE
from everyspan.replay.matching import first_difference
from everyspan.replay.record import Step, Trace
from everyspan.replay.wire.spoken import of_messages, of_step, said

#: Of LangChain's messages: counts and names that the model's step has too.
_ACCOUNTS = ("response_metadata", "usage_metadata")
_ID_KEYS = ("id", "tool_call_id", "call_id", "run_id")
_MADE_UP = re.compile(
    r"(call|toolu|chatcmpl|run|lc_run|replay|msg|fc|resp)[-_]"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
)


@dataclass(frozen=True)
class Pair:
    """A step of A and the one of B that it became; None where there is none."""

    a: Step | None
    b: Step | None
    #: What differs, by field: input, output, documents, status, model, verdicts.
    changes: dict[str, str] = field(default_factory=dict)
    #: B is a replay of A whose record or checkpoint held this step, so that it did not happen.
    covered: bool = False

    @property
    def changed(self) -> bool:
        return not self.covered and (self.a is None or self.b is None or bool(self.changes))

    @property
    def from_record(self) -> bool:
        return self.covered or (self.b is not None and self.b.attributes.get(SOURCE) == "record")


def compare(a: Trace, b: Trace) -> list[Pair]:
    """Pairs in the order of B; what only A has stands where it was."""
    covered = _covered(a, b)
    partner = _align([step for step in a.steps if step.number not in covered], a, b)
    pairs: list[Pair] = []
    paired = {step.span_id for step in partner.values()}
    waiting = [
        Pair(step, None, covered=step.number in covered)
        for step in a.steps
        if step.span_id not in paired
    ]
    for step in b.steps:
        of_a = partner.get(step.span_id)
        if of_a is not None:
            while waiting and _number(waiting[0]) < of_a.number:
                pairs.append(waiting.pop(0))
            pairs.append(Pair(of_a, step, _changes(of_a, step)))
        else:
            pairs.append(Pair(None, step))
    return pairs + waiting


def _number(pair: Pair) -> int:
    return pair.a.number if pair.a is not None else 0


def _covered(a: Trace, b: Trace) -> frozenset[int]:
    root = b.root.attributes
    if root.get("replay.of") != a.trace_id or COVERED not in root:
        return frozenset()
    try:
        found = json.loads(root[COVERED])
    except ValueError:
        return frozenset()
    numbers = found if isinstance(found, list) else []
    return frozenset(number for number in numbers if isinstance(number, int))


def _align(steps: Sequence[Step], a: Trace, b: Trace) -> dict[str, Step]:
    """span_id of B to its step in A: same place, name and input first, then place and name."""
    free = list(steps)
    found: dict[str, Step] = {}
    keys = (
        lambda trace, step: (trace.path(step), step.name, step.kind, _input(step)),
        lambda trace, step: (trace.path(step), step.name, step.kind),
        lambda trace, step: (step.name, step.kind),
        # The same call of another model has another name.
        lambda trace, step: (trace.path(step), step.kind) if step.kind == "llm" else None,
    )
    for key in keys:
        waiting: dict[Any, list[Step]] = {}
        for step in free:
            waiting.setdefault(key(a, step), []).append(step)
        for step in b.steps:
            if step.span_id in found or (wanted := key(b, step)) is None:
                continue
            if waiting.get(wanted):
                partner = waiting[wanted].pop(0)
                found[step.span_id] = partner
                free.remove(partner)
    return found


def _input(step: Step) -> str:
    return str(of_step(step).atoms) if step.kind == "llm" else step.input


def _changes(a: Step, b: Step) -> dict[str, str]:
    found: dict[str, str] = {}
    if a.kind == "llm":
        _put(found, "input", _asked(a), _asked(b))
        _put(found, "output", _answered(a), _answered(b))
    else:
        # One that goes on from a checkpoint is given nothing.
        if not (COVERED in b.attributes and b.input in ("", "null")):
            _put(found, "input", _value(a.input), _value(b.input))
        _put(found, "output", _value(a.output), _value(b.output))
    _put(found, "documents", list(a.documents), list(b.documents))
    if b.attributes.get(SOURCE) != "record":
        _put(found, "model", a.model, b.model)
    then, now = _status(a), _status(b)
    _put(found, "status", then, now)
    # Verdicts are compared where both have them.
    if a.verdict_version and b.verdict_version:
        for name in a.verdicts:
            label, other = a.verdicts[name][0], b.verdicts.get(name, ("", None))[0]
            if label != other and "fail" in (label, other):
                found[name] = f"{label or 'not judged'} → {other or 'not judged'}"
    return found


def _put(found: dict[str, str], name: str, then: Any, now: Any) -> None:
    difference = first_difference(then, now)
    if difference is not None:
        found[name] = difference.replace("recorded ", "").replace(", now ", " → ")


def _asked(step: Step) -> list[str]:
    told = of_step(step)
    return [told.system, *(f"{atom.title}: {atom.text}" for atom in told.atoms)]


def _answered(step: Step) -> list[str]:
    told = of_messages(step.messages("output"), [])
    return [f"{atom.title}: {atom.text}" for atom in told.atoms] if said(step) else [step.output]


def _status(step: Step) -> str:
    if step.status != "error":
        return "ok"
    name = step.error_type.rpartition(".")[2]  # its module may be __main__
    return f"error {name}: {step.status_message}"


def _value(text: str) -> Any:
    try:
        return _without_ids(json.loads(text))
    except ValueError:
        return text


def _without_ids(value: Any) -> Any:
    """Without nulls and the ids that models and frameworks make up anew each time."""
    if isinstance(value, list):
        return [_without_ids(item) for item in value]
    if isinstance(value, dict):
        return {
            key: _without_ids(item)
            for key, item in value.items()
            if item is not None
            and key not in _ACCOUNTS
            and not (key in _ID_KEYS and isinstance(item, str) and _MADE_UP.match(item))
        }
    return value


def totals(steps: Sequence[Step]) -> tuple[int, float]:
    """Tokens and cost."""
    return sum(s.tokens for s in steps), sum(s.cost_usd or 0.0 for s in steps)
