"""What a step lacks that its kind should have: the same as grafana.build.gaps finds, for a metric.

Counted when a trace is judged: by then what the steps around a call say has reached it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from clickhouse.span import Span
from ingest.conventions.reported import REPORTED_USAGE

#: (tracer's name, its version, what is missing)
Gap = tuple[str, str, str]


def gaps(spans: Iterable[Span]) -> Counter[Gap]:
    """How many steps of which tracer lack what. Steps that failed may lack anything."""
    return Counter(
        (span.scope_name, span.scope_version, lack)
        for span in spans
        if span.step_kind in ("llm", "tool") and span.status != "error" and not span.twin_of
        for lack in _lacks(span)
    )


def _lacks(span: Span) -> Iterator[str]:
    if span.step_kind == "llm":
        if not span.model:
            yield "model"
        if span.input_tokens is None and REPORTED_USAGE not in span.attributes:
            yield "tokens"
    elif not span.tool_name:
        yield "name"
    if not span.input:
        yield "input"
    if not span.output:
        yield "output"
