"""What a step was given and gave back, as text for an attribute. Never raises."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from collections.abc import Mapping
from typing import Any

#: Longest content of one attribute, in characters. What is over is counted, not silently lost.
LIMIT = 64 * 1024


class _Capture:
    """Whether steps record content in this process; `init(capture_content=False)` turns it off."""

    enabled = True


capture = _Capture()


def sendable(text: str) -> str:
    """`text` as UTF-8 can hold it: half a surrogate pair, which Python allows, becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def cut(text: str) -> str:
    """`text`, or its first `LIMIT` characters and a mark of how many are missing. Sendable."""
    if len(text) <= LIMIT:
        return sendable(text)
    return f"{sendable(text[:LIMIT])}…[cut: {len(text) - LIMIT} more characters]"


def as_json(value: Any) -> str:
    """JSON of any Python value; what JSON has no form for is shown as its repr."""
    try:
        return cut(_dumps(value))
    except Exception:  # a repr or a property of the caller's object may raise anything
        return cut(json.dumps(_repr(value)))


def as_text(value: Any) -> tuple[str, str]:
    """`(text, mime type)`: a string as it is, anything else as JSON."""
    if isinstance(value, str):
        return cut(value), "text/plain"
    return as_json(value), "application/json"


def _dumps(value: Any) -> str:
    try:
        return _encode(value)
    except TypeError:  # keys that are no strings, at any depth
        return _encode(_string_keys(value))


def _string_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k if isinstance(k, str) else str(k): _string_keys(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_string_keys(item) for item in value]
    return value


def _plain(value: Any) -> Any:
    """One step from an object towards JSON; json.dumps calls it again on what it returns."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):  # pydantic, without importing it
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(bytes(value))} bytes>"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    return _repr(value)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}: repr() raised>"


# One encoder for all: json.dumps with options makes a new one each call (3 us).
_encode = json.JSONEncoder(default=_plain, ensure_ascii=False).encode


class Items:
    """What a generator yielded: text joined, anything else a JSON list; memory is bounded."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._kept_characters = 0
        self._missing = 0
        self._all_text = True

    def add(self, item: Any) -> None:
        if not isinstance(item, str):
            if self._all_text and self._kept:  # earlier pieces become JSON strings too
                self._kept = [json.dumps(piece, ensure_ascii=False) for piece in self._kept]
            self._all_text = False
        piece = item if self._all_text else as_json(item)
        room = LIMIT - self._kept_characters
        if len(piece) <= room:
            self._kept.append(piece)
            self._kept_characters += len(piece)
            return
        if self._all_text and room > 0:
            self._kept.append(piece[:room])
            piece = piece[room:]
        self._kept_characters = LIMIT
        self._missing += len(piece)

    def result(self) -> RawContent:
        mark = f"…[cut: {self._missing} more characters]" if self._missing else ""
        if self._all_text:
            return RawContent("".join(self._kept) + mark, "text/plain")
        return RawContent("[" + ", ".join(self._kept) + mark + "]", "application/json")


@dataclasses.dataclass(frozen=True)
class RawContent:
    """Content that is already text of the given mime type."""

    text: str
    mime_type: str
