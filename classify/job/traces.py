"""From the columns that were loaded to spans, and from spans to the traces that classifiers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from classify.classifier import Trace
from classify.job.rows import Loaded
from clickhouse.native import read_columns
from clickhouse.span import SPAN_COLUMNS, Span


def spans_of(columns: Mapping[str, Sequence[Any]]) -> list[Span]:
    """One span for each row, in their order."""
    return [Span(*values) for values in zip(*(columns[c] for c in SPAN_COLUMNS), strict=True)]


def spans_of_some(columns: Mapping[str, Sequence[Any]]) -> list[Span]:
    """The same where not all of a span's columns were read."""
    names = [name for name in SPAN_COLUMNS if name in columns]
    rows = zip(*(columns[name] for name in names), strict=True)
    return [Span(**dict(zip(names, values, strict=True))) for values in rows]


def traces_of(spans: Sequence[Span]) -> list[list[int]]:
    """Positions of the spans of each run of a trace, by start time. A trace is of one project: what
    another one sent with the same id is none of it."""
    found: dict[tuple[str, str, int], list[int]] = {}
    for i, span in enumerate(spans):
        found.setdefault((span.project, span.trace_id, span.id_reuse), []).append(i)
    for positions in found.values():
        positions.sort(key=lambda i: (spans[i].start_time, spans[i].span_id))
    return list(found.values())


def with_sessions(
    traces: list[list[int]], spans: Sequence[Span], loaded: Loaded
) -> list[tuple[Trace, list[int]]]:
    """Each trace with the positions of its spans, and with its session's earlier traces."""
    earlier: dict[tuple[str, str], Trace] = {}
    columns = read_columns(loaded.session)
    if columns:
        others = spans_of(columns)
        for positions in traces_of(others):
            trace = Trace(tuple(others[i] for i in positions))
            earlier[_of(trace.spans[0])] = trace
    found = []
    for positions in traces:
        project, trace_id = _of(spans[positions[0]])
        ids = ((project, i) for i in loaded.earlier.get((project, trace_id), ()))
        session = tuple(earlier[i] for i in ids if i in earlier)
        found.append((Trace(tuple(spans[i] for i in positions), session), positions))
    return found


def _of(span: Span) -> tuple[str, str]:
    return span.project, span.trace_id
