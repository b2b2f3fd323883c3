"""JSON lists that are over the limit, cut so that they stay JSON.

Long texts inside are cut, each with a mark of how much is missing; if there are simply too many
items, those in the middle go, and where there is a place for it a note says how many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.attributes import dumps
from ingest.limits import cut

_SMALLEST = 256


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
    size = limit // 2
    while size >= _SMALLEST:
        shorter = dumps(_shortened(items, size))
        if _size(shorter) <= limit:
            return shorter
        size //= 2
    kept = _shortened(items, _SMALLEST)
    while len(kept) > 2:
        half = max(1, len(kept) // 4)
        kept = kept[:half] + kept[len(kept) - half :]
        between = [note(len(items) - len(kept))] if note else []
        shorter = dumps([*kept[:half], *between, *kept[half:]])
        if _size(shorter) <= limit:
            return shorter
    return dumps([note(len(items))] if note else [])


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
