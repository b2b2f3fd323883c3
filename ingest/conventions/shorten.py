"""JSON lists that are over the limit, cut so that they stay JSON.

Long texts inside are cut, each with a mark of how much is missing; if there are simply too many
items, those in the middle go, and where there is a place for it a note says how many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ingest.attributes import dumps
from ingest.limits import cut

_SMALLEST = 256
#: Bytes of the smallest item: with more items than fit at that size, cutting texts cannot help.
_FEWEST = 64


def messages_cut(left_out: int) -> dict[str, Any]:
    """A message in place of messages."""
    text = f"[everyspan: {left_out} messages cut]"
    return {"role": "system", "parts": [{"type": "text", "content": text}]}


def fitting(
    items: list[Any], text: str, limit: int, note: Callable[[int], Any] | None = None
) -> str:
    """``text``, which is the JSON of ``items``, or a shorter JSON list within ``limit`` bytes."""
    if len(text) * 4 <= limit or _size(text) <= limit:
        return text
    if len(items) * _FEWEST <= limit:
        size = limit // 2
        while size >= _SMALLEST:
            shorter = dumps(_shortened(items, size))
            if _size(shorter) <= limit:
                return shorter
            size //= 2
    tail = _within(reversed(items), limit * 5 // 8)
    head = _within(iter(items[: len(items) - len(tail)]), limit // 4)
    left_out = len(items) - len(head) - len(tail)
    between = [note(left_out)] if note and left_out else []
    return dumps([*head, *between, *reversed(tail)])


def _within(items: Iterator[Any], limit: int) -> list[Any]:
    """The first items that fit, their texts cut to the smallest; looks at no more of them."""
    kept: list[Any] = []
    for item in items:
        short = _shortened(item, _SMALLEST)
        limit -= _size(dumps(short)) + 1
        if limit < 0:
            break
        kept.append(short)
    return kept


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _shortened(value: Any, size: int) -> Any:
    if isinstance(value, str):
        return cut(value, size)
    if isinstance(value, list):
        return [_shortened(item, size) for item in value]
    if isinstance(value, dict):
        return {key: _shortened(item, size) for key, item in value.items()}
    return value
