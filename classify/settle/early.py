"""What of settling a trace can't wait for its verdicts: no number counts twice meanwhile.

A number may go from a row at once. It comes back only once the trace is quiet: what an agent says
it spent may be the sum of calls that are still on their way. Rows that have verdicts are not
touched here; what they give up when their trace is judged again, late rows do without until then.
"""

from __future__ import annotations

from collections.abc import Sequence

from classify.settle.around import from_around
from classify.settle.running_totals import without_earlier
from classify.settle.trace import with_changes
from classify.settle.twins import Twin, mark, told
from classify.settle.usage import FIELDS, reported, settle, with_usage
from clickhouse.span import Span

# Sums of prices differ in the last digits.
_NOTHING = 1e-12


def counted_early(
    spans: Sequence[Span], judged: Sequence[bool], twin: Twin | None = None, *, quiet: bool
) -> list[Span]:
    """The spans, in their order, with numbers counted once; pure, the same when run again.

    ``spans``: all of one trace that there are. ``judged``: which have verdicts. ``twin``: what was
    found out about the trace just now; None: what its marks say.
    """
    twin = told(spans) if twin is None else twin
    found = with_changes(spans, mark(spans, twin))
    found = with_changes(found, without_earlier(found))
    found = with_changes(found, from_around(found, texts=False))
    found = with_changes(found, settle(found, twin.counted))
    waiting = [i for i, done in enumerate(judged) if not done]
    apart = dict.fromkeys(waiting, 0)
    for bit, name in enumerate(FIELDS):
        before = [getattr(span, name) or 0 for span in spans]
        after = [getattr(span, name) or 0 for span in found]
        twice = sum(max(0, before[i] - after[i]) for i, done in enumerate(judged) if done)
        for i in waiting:
            if not after[i]:
                continue
            if twice > _NOTHING or (not quiet and not before[i]):
                apart[i] |= 1 << bit
                twice -= after[i]
    return [
        span if i not in apart else _without(found[i], apart[i]) if apart[i] else found[i]
        for i, span in enumerate(spans)
    ]


def _without(span: Span, names: int) -> Span:
    """``names``: a bit for each of FIELDS that doesn't count here, beside those that didn't."""
    usage = reported(span)
    gone = sum(
        1 << bit
        for bit, name in enumerate(FIELDS)
        if usage[bit] is not None and getattr(span, name) is None
    )
    return with_usage(span, usage, names | gone)
