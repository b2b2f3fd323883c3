"""How much of a span's content is kept, and the mark that stands for the rest.

OpenTelemetry SDKs have the same limits on the sender's side (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT and
so on, unlimited by default for text); these hold whatever the sender does.
See https://opentelemetry.io/docs/specs/otel/common/#attribute-limits
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Attribute that says how many attributes of the span were left out.
DROPPED_ATTRIBUTES = "everyspan.dropped_attributes"
#: Attribute that says how many events of the span were left out.
DROPPED_EVENTS = "everyspan.dropped_events"
#: Attribute that says how many links of the span were left out.
DROPPED_LINKS = "everyspan.dropped_links"
#: Attribute that says that content which came as log records was too much for the events column.
DROPPED_CONTENT = "everyspan.dropped_content"


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """What a single span may bring.

    ``max_attribute_bytes``: of any one text (attribute value, event body, content column), UTF-8;
    256 KiB holds a prompt of about 60,000 tokens. ``max_attributes``: a span's or a resource's;
    OpenInference and Traceloop spread messages over up to ten attributes a message, and those are
    content, which counts only once it is left in ``attributes``. ``max_attribute_name_bytes``:
    names are stored in a dictionary column. ``max_events``, ``max_links``: the first ones are kept
    (an SDK's own default is 128). ``max_events_bytes``: of the whole events column.
    """

    max_attribute_bytes: int = 256 << 10
    max_attributes: int = 256
    max_attribute_name_bytes: int = 256
    max_events: int = 512
    max_events_bytes: int = 4 << 20
    max_links: int = 128


def cut(text: str, max_bytes: int) -> str:
    """The text within ``max_bytes`` of UTF-8; what is over is replaced by a mark of its size.

    Never splits a character. The mark comes on top of ``max_bytes``, and a text that was cut
    stays as it is when it is cut again. Lone surrogates, which UTF-8 can't say, become '?' in a
    text that is cut.
    """
    # UTF-8 takes at most 4 bytes a character (3 for those of a Python string below U+10000).
    if len(text) * 4 <= max_bytes:
        return text
    if text.isascii():
        size = len(text)
        if size <= max_bytes:
            return text
        kept = text[:max_bytes]
    else:
        data = text.encode("utf-8", "replace")
        size = len(data)
        if size <= max_bytes:
            return text
        end = max_bytes
        # 10xxxxxx continues a character.
        while end > 0 and data[end] & 0xC0 == 0x80:
            end -= 1
        kept = data[:end].decode("utf-8")
        max_bytes = end
    if _is_marked(text, size, max_bytes):
        return text
    return f"{kept}{_MARK_START}{size - max_bytes}{_MARK_END}"


_MARK_START = "…[everyspan: "
_MARK_END = " bytes cut]"
#: The longest mark, in bytes and so in characters: a 20 digit count.
_LONGEST_MARK = len((_MARK_START + "9" * 20 + _MARK_END).encode())


def _is_marked(text: str, size: int, max_bytes: int) -> bool:
    """Whether the text was cut before and is over the limit by its mark only."""
    if size - max_bytes > _LONGEST_MARK or not text.endswith(_MARK_END):
        return False
    start = text.rfind(_MARK_START)
    return start >= 0 and text[start + len(_MARK_START) : -len(_MARK_END)].isdigit()


def cut_within(value: Any, max_bytes: int) -> Any:
    """Plain data with each text in it cut; names of a dict stay as they are."""
    if isinstance(value, str):
        return cut(value, max_bytes)
    if isinstance(value, dict):
        return {name: cut_within(item, max_bytes) for name, item in value.items()}
    if isinstance(value, list):
        return [cut_within(item, max_bytes) for item in value]
    return value
