"""Two traces side by side, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from everyspan.replay.answers import SOURCE
from everyspan.replay.matching import first_difference
from everyspan.replay.record import Step, Trace
from everyspan.replay.wire.spoken import of_messages, of_step, said


@dataclass(frozen=True)
class Pair:
    """A step of A and the one of B that it became; None where there is none."""

    a: Step | None
    b: Step | None
    #: What differs, by field: input, output, documents, status, model, verdicts.
    changes: dict[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return self.a is None or self.b is None or bool(self.changes)

    @property
    def from_record(self) -> bool:
        return self.b is not None and self.b.attributes.get(SOURCE) == "record"


def compare(a: Trace, b: Trace) -> list[Pair]:
    """Pairs in the order of B; what only A has stands where it was."""
    partner = _align(a, b)
    pairs: list[Pair] = []
    waiting = [
        step for step in a.steps if step.span_id not in {s.span_id for s in partner.values()}
    ]
    for step in b.steps:
        of_a = partner.get(step.span_id)
        if of_a is not None:
            while waiting and waiting[0].number < of_a.number:
                pairs.append(Pair(waiting.pop(0), None))
            pairs.append(Pair(of_a, step, _changes(of_a, step)))
        else:
            pairs.append(Pair(None, step))
    return pairs + [Pair(step, None) for step in waiting]


def _align(a: Trace, b: Trace) -> dict[str, Step]:
    """span_id of B to its step in A: same place, name and input first, then place and name."""
    free = list(a.steps)
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
        _put(found, "input", _value(a.input), _value(b.input))
        _put(found, "output", _value(a.output), _value(b.output))
    _put(found, "documents", list(a.documents), list(b.documents))
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
    return f"error {step.error_type}: {step.status_message}"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def totals(steps: Sequence[Step]) -> tuple[int, float]:
    """Tokens and cost."""
    return sum(s.tokens for s in steps), sum(s.cost_usd or 0.0 for s in steps)
