"""Messages that are over the limit, cut so that they stay JSON.

Long texts inside are cut, longest first in effect, each with a mark of how much is missing; if
there are simply too many messages, those in the middle go and one message says how many.
"""

from __future__ import annotations

from typing import Any

from ingest.attributes import dumps
from ingest.conventions.messages import Message
from ingest.limits import cut

_SMALLEST = 256


def shorten_messages(messages: list[Message], limit: int) -> str:
    """JSON text of at most about ``limit`` bytes."""
    size = limit // 2
    while size >= _SMALLEST:
        text = dumps(_shortened(messages, size))
        if len(text.encode("utf-8", "replace")) <= limit:
            return text
        size //= 2
    kept = _shortened(messages, _SMALLEST)
    while len(kept) > 2:
        half = max(1, len(kept) // 4)
        kept = kept[:half] + kept[len(kept) - half :]
        left_out = len(messages) - len(kept)
        note = f"[everyspan: {left_out} messages cut]"
        marked = [*kept[:half], _note(note), *kept[half:]]
        text = dumps(marked)
        if len(text.encode("utf-8", "replace")) <= limit:
            return text
    return dumps([_note(f"[everyspan: {len(messages)} messages cut]")])


def _note(text: str) -> Message:
    return {"role": "system", "parts": [{"type": "text", "content": text}]}


def _shortened(value: Any, size: int) -> Any:
    if isinstance(value, str):
        return cut(value, size)
    if isinstance(value, list):
        return [_shortened(item, size) for item in value]
    if isinstance(value, dict):
        return {key: _shortened(item, size) for key, item in value.items()}
    return value
