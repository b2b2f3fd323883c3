"""What `everyspan diff` prints."""

from __future__ import annotations

from typing import Any

from everyspan.replay.diff import Pair, compare, totals
from everyspan.replay.record import Trace
from everyspan.replay.report import short


def differ(a: Trace, b: Trace) -> bool:
    return any(pair.changed for pair in compare(a, b))


def difference(a: Trace, b: Trace) -> list[str]:
    """Step by step."""
    pairs = compare(a, b)
    lines = [f"A {a.trace_id}  {len(a)} steps", f"B {b.trace_id}  {len(b)} steps"]
    for pair in pairs:
        lines += _pair(pair)
    changed = sum(pair.changed for pair in pairs)
    (tokens_a, cost_a), (tokens_b, cost_b) = totals(a.steps), totals(b.steps)
    lines.append(
        f"{changed} of {len(pairs)} steps differ; tokens {tokens_a:,} → {tokens_b:,}, "
        f"cost ${cost_a:.6f} → ${cost_b:.6f}, {a.seconds:.2f} s → {b.seconds:.2f} s"
    )
    return lines


def _pair(pair: Pair) -> list[str]:
    step = pair.b or pair.a
    assert step is not None
    sign = " " if not pair.changed else "+" if pair.a is None else "-" if pair.b is None else "~"
    numbers = f"{pair.a.number if pair.a else '':>3} {pair.b.number if pair.b else '':>3}"
    where = "record" if pair.from_record else "live" if pair.b is not None else ""
    head = f"{sign} {numbers}  {where:<7}{step.name}"
    if pair.a is not None and pair.b is not None:
        head += f"  {pair.a.duration_ms:,.0f} → {pair.b.duration_ms:,.0f} ms"
        if pair.a.tokens or pair.b.tokens:
            head += f"  {pair.a.tokens:,} → {pair.b.tokens:,} tokens"
    return [head, *(f"             {name}: {short(text)}" for name, text in pair.changes.items())]


def difference_json(a: Trace, b: Trace) -> dict[str, Any]:
    """The same as data."""
    return {
        "a": a.trace_id,
        "b": b.trace_id,
        "steps": [
            {
                "a": pair.a.number if pair.a else None,
                "b": pair.b.number if pair.b else None,
                "name": (pair.b or pair.a).name,  # type: ignore[union-attr]
                "source": "record" if pair.from_record else "live",
                "changed": pair.changed,
                "changes": pair.changes,
                "tokens": [pair.a.tokens if pair.a else None, pair.b.tokens if pair.b else None],
                "duration_ms": [
                    pair.a.duration_ms if pair.a else None,
                    pair.b.duration_ms if pair.b else None,
                ],
            }
            for pair in compare(a, b)
        ],
    }
