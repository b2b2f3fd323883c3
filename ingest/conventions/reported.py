"""Numbers that count on another step: sums of calls below, and one call told twice.

They stand in ``everyspan.reported_usage`` until the trace is settled, which gives them back where
no other step reports them: so ``sum(input_tokens)`` is never too high, from the first second on.
"""

from __future__ import annotations

from clickhouse.span import Span
from ingest.attributes import dumps, loads

#: What a span reported and doesn't count: JSON of column to number.
REPORTED_USAGE = "everyspan.reported_usage"
FIELDS = ("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens", "cost_usd")
#: Kinds that are one call of a model. Others may carry sums of calls below them.
CALLS = ("llm", "embedding", "reranker")
#: Kinds that a model call may have between itself and the same call reported again. Below others
#: (a tool, an agent) are other calls.
BETWEEN = frozenset({"chain", "prompt", "parser", "other"})


def keep_apart(span: Span) -> None:
    """Move all the span's numbers, where the sender hasn't filled the attribute itself."""
    if REPORTED_USAGE not in span.attributes:
        give_way(span, span)


def give_way(span: Span, to: Span) -> None:
    """Move what both report: it counts on ``to``. A number of 0 says nothing."""
    if not (
        span.input_tokens
        or span.output_tokens
        or span.cached_input_tokens
        or span.reasoning_tokens
        or span.cost_usd
    ):
        return
    away = {
        name: number for name in FIELDS if (number := getattr(span, name)) and getattr(to, name)
    }
    if not away:
        return
    for name in away:
        setattr(span, name, None)
    before = span.attributes.get(REPORTED_USAGE)
    known = loads(before) if before else None
    # A sender may have written anything there.
    span.attributes[REPORTED_USAGE] = dumps({**known, **away} if isinstance(known, dict) else away)


def content(span: Span) -> int:
    """Characters of content: of two reports of one call, the one with more counts."""
    return (
        len(span.input_messages)
        + len(span.output_messages)
        + len(span.input)
        + len(span.output)
        + len(span.system_instructions)
        + len(span.tool_definitions)
    )
