"""All that settling does to a trace, in order."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from classify.settle.around import from_around
from classify.settle.inherit import inherit
from classify.settle.running_totals import without_earlier
from classify.settle.twins import Twin, mark, told, twin_of
from classify.settle.usage import settle
from clickhouse.span import Span

logger = logging.getLogger(__name__)


def settled(spans: Sequence[Span], twin: Twin | None = None) -> list[Span]:
    """The spans, in their order, with numbers counted once, marked as the twin that the trace is,
    and with what is handed down; pure.

    ``spans``: all of one trace that there are. ``twin``: what was found out about it just now;
    None: what its marks say. Running it on its own result changes nothing.
    """
    twin = told(spans) if twin is None else twin
    found = with_changes(spans, mark(spans, twin))
    found = with_changes(found, without_earlier(found))
    found = with_changes(found, from_around(found))
    found = with_changes(found, settle(found, twin.counted))
    return with_changes(found, inherit(found))


def settle_all(
    traces: Iterable[Sequence[int]],
    spans: list[Span],
    twins: dict[str, Twin],
    errors: Counter[str],
) -> None:
    """Settle traces, given as the positions of their spans, in place. ``twins``: by trace_id.
    Those that can't be settled stay as they are and are counted."""
    for positions in traces:
        trace = [spans[i] for i in positions]
        try:
            found = settled(trace, twin_of(trace[0], twins))
        except Exception:
            logger.exception("settling trace %s", trace[0].trace_id)
            errors["usage"] += 1
            continue
        for i, span in zip(positions, found, strict=True):
            spans[i] = span


def with_changes(spans: Sequence[Span], changed: Iterable[Span]) -> list[Span]:
    """The spans, in their order, the changed copies in the place of theirs."""
    new = {_key(span): span for span in changed}
    return [new.get(_key(span), span) for span in spans] if new else [*spans]


def _key(span: Span) -> tuple[str, int, int]:
    return span.span_id, span.start_time, span.fingerprint
