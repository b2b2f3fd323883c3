"""Server-sent events, as model APIs use them. See https://html.spec.whatwg.org/#server-sent-events"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def pieces(text: str) -> Iterator[str]:
    """The text in words, as models stream it."""
    at = 0
    while at < len(text):
        end = text.find(" ", at + 1)
        end = len(text) if end < 0 else end
        yield text[at:end]
        at = end


def parsed(stream: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a stream's `data:` lines."""
    found = []
    for line in stream.splitlines():
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data and data != b"[DONE]":
                try:
                    value = json.loads(data)
                except ValueError:
                    continue
                if isinstance(value, dict):
                    found.append(value)
    return found
