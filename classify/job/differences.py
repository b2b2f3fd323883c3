"""Which rows wait for verdicts, and which differ from what is stored: those are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from struct import Struct
from typing import Any

from classify.custom.member import Members
from classify.job.after import After, Columns
from classify.job.task import Task
from clickhouse.span import SPAN_COLUMNS, Span, Verdict

_FLOAT32 = Struct("f")
_span_values = attrgetter(*SPAN_COLUMNS)


def waiting(
    stored: Columns, content: Columns, custom: Members, task: Task
) -> Callable[[int], bool]:
    """Whether there is anything to do about a row, by its position."""
    ids = ("project", "trace_id", "span_id")
    named = set(zip(*(content[name] for name in ids), strict=True)) if content else set()

    def waits(i: int) -> bool:
        return (
            waited(stored, i, task)
            or stored["custom_version"][i] < custom.revision
            or bool(stored["unjudged"][i])
            or tuple(stored[name][i] for name in ids) in named
        )

    return waits


def to_write(found: After, task: Task) -> tuple[list[int], list[int]]:
    """Positions of the rows judged before that change, and of those that waited."""
    changed: list[int] = []
    pending: list[int] = []
    for i in found.labels:
        if task.custom_only:
            if _waited_for_custom(found, i) or _says_else(found, i):
                pending.append(i)
        elif waited(found.stored, i, task):
            pending.append(i)
        elif _changed(found, i):
            changed.append(i)
    return changed, pending


def waited(stored: Columns, row: int, task: Task) -> bool:
    """For verdicts: it has none, or those of an older set, or somebody asked for others."""
    newest = task.numbers.of(stored["project"][row])
    return bool(stored["verdict_version"][row] < newest or stored["verdict_at"][row] < task.before)


def _waited_for_custom(found: After, row: int) -> bool:
    return bool(found.stored["custom_version"][row] < found.custom.revision)


def _says_else(found: After, row: int) -> bool:
    """Another label of a custom classifier, or another debt."""
    stored = found.stored
    return bool(
        found.labels[row] != stored["custom"][row] or found.owed[row] != stored["unjudged"][row]
    )


def _changed(found: After, row: int) -> bool:
    return (
        found.evidence[row] != found.stored["evidence"][row]
        or _says_else(found, row)
        or _judged_else(found, row)
        or _became_else(found, row)
        or _span_differs(found.spans[row], found.stored, row)
    )


def _judged_else(found: After, row: int) -> bool:
    stored = found.stored
    return any(
        _differs(verdicts[row], stored[name][row], stored[f"{name}_score"][row])
        for name, verdicts in found.verdicts.built_in.items()
    )


def _became_else(found: After, row: int) -> bool:
    """Of an attack: the answer to it has come since."""
    stored = found.stored["outcomes"][row]
    return any(
        verdicts[row].outcome != stored.get(name, "")
        for name, verdicts in found.verdicts.built_in.items()
    )


def _differs(verdict: Verdict, label: str, score: float) -> bool:
    if verdict.label != label:
        return True
    if math.isnan(verdict.score) or math.isnan(score):
        return math.isnan(verdict.score) != math.isnan(score)
    return bool(_FLOAT32.unpack(_FLOAT32.pack(verdict.score))[0] != score)


def _span_differs(span: Span, stored: Columns, row: int) -> bool:
    old: Sequence[Any] = [stored[c][row] for c in SPAN_COLUMNS]
    return any(
        new is not before and new != before
        for new, before in zip(_span_values(span), old, strict=True)
    )
