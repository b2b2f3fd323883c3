"""Calls that report what the ones before them spent as well: a tool loop's running total.

Spring AI 1 adds up in each call of a loop what its earlier calls used. The difference is what the
call used; what it said stays in ``everyspan.running_total``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from classify.settle.usage import FIELDS, reported
from clickhouse.span import Span
from ingest.attributes import dumps, loads

#: What the span said: JSON of column to number.
RUNNING_TOTAL = "everyspan.running_total"

#: (start of the tracer's name, attribute that shows the framework): whose calls add up.
#: Source: spring-projects/spring-ai 1.0 and 1.1, UsageCalculator.getCumulativeUsage.
_WHO = ("org.springframework.boot", "org.springframework.ai")


def without_earlier(spans: Sequence[Span]) -> list[Span]:
    """Changed copies of the spans that report a running total; pure, the same when run again."""
    loops: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        if span.step_kind == "llm" and span.scope_name.startswith(_WHO) and span.parent_span_id:
            loops.setdefault((span.parent_span_id, span.name), []).append(span)
    changed = []
    for calls in loops.values():
        calls.sort(key=lambda span: (span.start_time, span.span_id))
        before: tuple[float | int | None, ...] = ()
        for call in calls:
            said = _said(call)
            if before and _includes(said, before):
                own = tuple(
                    None if number is None else number - (earlier or 0)
                    for number, earlier in zip(said, before, strict=True)
                )
                # Again for one that is marked: a call before it may have come since.
                if RUNNING_TOTAL not in call.attributes or own != reported(call):
                    changed.append(_with(call, own, said))
            before = said
    return changed


def _said(span: Span) -> tuple[float | int | None, ...]:
    noted = loads(span.attributes.get(RUNNING_TOTAL, "")) or {}
    return tuple(
        noted.get(name, number) for name, number in zip(FIELDS, reported(span), strict=True)
    )


def _includes(said: tuple[float | int | None, ...], before: tuple[float | int | None, ...]) -> bool:
    """A later call of a loop is asked all that the one before was and more, so its own input is at
    least as long: a total is at least twice that."""
    return (
        bool(before[0])
        and (said[0] or 0) >= 2 * (before[0] or 0)
        and (said[1] or 0) > (before[1] or 0)
    )


def _with(
    span: Span,
    own: tuple[float | int | None, ...],
    said: tuple[float | int | None, ...],
) -> Span:
    noted = {name: number for name, number in zip(FIELDS, said, strict=True) if number is not None}
    attributes = {**span.attributes, RUNNING_TOTAL: dumps(noted)}
    numbers = dict(zip(FIELDS, own, strict=True))
    return replace(span, attributes=attributes, **numbers)  # type: ignore[arg-type]
