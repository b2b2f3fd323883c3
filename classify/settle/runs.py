"""Runs of a program that used the same ids again, told apart.

A program that calls ``random.seed(42)`` may send the same trace and span ids each time it runs,
since OpenTelemetry's generator draws from the global one. Its runs lie one after the other, so a
new run begins where a span id comes again with another start. The same id at the same start is no
run of its own but one span that was sent twice with different content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def told_apart(
    columns: dict[str, Sequence[Any]], waits: Callable[[int], bool]
) -> tuple[dict[str, Sequence[Any]], list[int]]:
    """The rows of all runs in which ``waits`` is true of some row, by its position, and the run
    that each belongs to, from 0 in each trace; all rows and [] where no ids come again.

    The other runs are left out: a program that sends the same ids every minute would else have all
    its runs of a day judged every minute.
    """
    number = runs(columns)
    if not number:
        return columns, []
    runs_of = list(zip(columns["project"], columns["trace_id"], number, strict=True))
    due = {run for i, run in enumerate(runs_of) if waits(i)}
    kept = [i for i, run in enumerate(runs_of) if run in due]
    return (
        {name: [values[i] for i in kept] for name, values in columns.items()},
        [number[i] for i in kept],
    )


def runs(columns: Mapping[str, Sequence[Any]]) -> list[int]:
    """For each row the run that it belongs to, from 0 in each trace; [] where no ids come again.

    ``columns``: project, trace_id, span_id and start_time (nanoseconds since 1970). Rows in any
    order.
    """
    span_ids, starts = columns["span_id"], columns["start_time"]
    trace_ids = list(zip(columns["project"], columns["trace_id"], strict=True))
    if len(set(zip(trace_ids, span_ids, strict=True))) == len(span_ids):
        return []
    number = [0] * len(starts)
    current: dict[tuple[str, str], int] = {}
    seen: dict[tuple[str, str], dict[str, int]] = {}
    for row in sorted(range(len(starts)), key=lambda row: (starts[row], span_ids[row])):
        trace_id, span_id, start = trace_ids[row], span_ids[row], starts[row]
        ids = seen.setdefault(trace_id, {})
        if ids.setdefault(span_id, start) != start:
            current[trace_id] = current.get(trace_id, 0) + 1
            seen[trace_id] = {span_id: start}
        number[row] = current.get(trace_id, 0)
    return number if any(number) else []
