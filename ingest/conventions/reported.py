"""Numbers that a step reports which is no call of a model: sums of the calls below it.

They stand in ``everyspan.reported_usage`` until the trace is settled, which gives them back where
no call below reports them: so ``sum(input_tokens)`` is never too high, from the first second on.
"""

from __future__ import annotations

from clickhouse.span import Span
from ingest.attributes import dumps

#: What a span reported and doesn't count: JSON of column to number.
REPORTED_USAGE = "everyspan.reported_usage"
FIELDS = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "cost_usd")
#: Kinds that are one call of a model. Others may carry sums of calls below them.
CALLS = ("llm", "embedding", "reranker")


def keep_apart(span: Span) -> None:
    """Move the span's numbers to the attribute; those of 0 say nothing."""
    if not (
        span.input_tokens
        or span.output_tokens
        or span.cached_input_tokens
        or span.reasoning_tokens
        or span.cost_usd
    ):
        return
    away = {name: number for name in FIELDS if (number := getattr(span, name))}
    if away and REPORTED_USAGE not in span.attributes:
        for name in away:
            setattr(span, name, None)
        span.attributes[REPORTED_USAGE] = dumps(away)
