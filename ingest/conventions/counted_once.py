"""One call that several spans of a request report counts once from the moment it is stored.

What classify.settle makes of whole traces, for what is seen at once: SDKs send a call and the one
around it in one batch. The numbers of those that give way stand in ``everyspan.reported_usage``
until the trace is settled, which starts again from them and knows all of the trace.
"""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse.span import Span
from ingest.conventions.reported import BETWEEN, CALLS, content, give_way

#: Parents that are looked at: a bound on work, and on circles.
_HIGHEST = 32


def count_once(spans: Sequence[Span]) -> None:
    """Change the spans of one request in place."""
    if len(spans) < 2:
        return
    by_id = {span.span_id: span for span in spans}
    answered: dict[str, Span] = {}
    for call in spans:
        if call.step_kind not in CALLS:
            continue
        above = by_id.get(call.parent_span_id)
        if above is not None:
            _nested(call, above, by_id)
        if call.response_id:
            other = answered.setdefault(call.response_id, call)
            if other is not call and _same_call(other, call):
                _side_by_side(other, call)


def _nested(call: Span, above: Span | None, by_id: dict[str, Span]) -> None:
    """Of nested reports the innermost counts."""
    for _ in range(_HIGHEST):
        if above is None or above is call or above.trace_id != call.trace_id:
            return
        if above.step_kind == call.step_kind:
            give_way(above, call)
        elif above.step_kind not in BETWEEN:
            return
        above = by_id.get(above.parent_span_id)


def _same_call(one: Span, other: Span) -> bool:
    """One answer, told by two instrumentations at a time: a stand-in may give all one id."""
    return (
        one.step_kind == other.step_kind
        and one.scope_name != other.scope_name
        and one.start_time <= other.end_time
        and other.start_time <= one.end_time
    )


def _side_by_side(one: Span, other: Span) -> None:
    """Of two the one with more content counts; a bare one in a trace of its own gives way."""
    if one.trace_id != other.trace_id and one.parent_span_id and other.parent_span_id:
        return  # both within larger traces: two calls, whatever they say
    if one.trace_id != other.trace_id and (one.parent_span_id or other.parent_span_id):
        kept, left = (one, other) if one.parent_span_id else (other, one)
    else:
        kept, left = sorted((one, other), key=_worth, reverse=True)
    give_way(left, kept)


def _worth(span: Span) -> tuple[int, int]:
    """What includes cached tokens is whole; then what has more content."""
    return span.cached_input_tokens or 0, content(span)
