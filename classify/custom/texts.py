"""Which texts of a step or trace are compared with the examples."""

from __future__ import annotations

from hashlib import md5

from classify import messages
from classify.classifier import Trace
from classify.custom.classifier_definition import On
from clickhouse.span import Span

#: Characters of a text that are compared: its beginning, and its end, where the point often is.
BEGINNING, END = 1_400, 600
MAX_CHARACTERS = BEGINNING + END
_MAX_STEPS = 60
_MAX_PART = 80


def texts_of(on: On, span: Span, trace: Trace) -> list[str]:
    """One text, or input and output for 'both'; [] where there is nothing to compare."""
    if on == "steps":
        return [steps_text(trace)]
    found = [span.input, span.output] if on == "both" else [getattr(span, on)]
    return found if all(text.strip() for text in found) else []


def shown(text: str) -> str:
    """The part of a text that the encoder gets."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:BEGINNING]}\n{text[-END:]}"


def hash_of(text: str) -> bytes:
    """16 bytes; what ClickHouse's MD5() says of the same text."""
    return md5(text.encode(errors="replace"), usedforsecurity=False).digest()


def steps_text(trace: Trace) -> str:
    """The course of a trace as lines: kind, name, arguments, how it ended."""
    lines = []
    for span in trace.spans[:_MAX_STEPS]:
        parts = [span.step_kind, span.tool_name or span.name]
        if span.step_kind == "tool":
            parts.append(_part(span.input))
        if span.status == "error":
            parts.append(f"error {span.error_type}".strip())
        elif span.step_kind in ("tool", "retrieval"):
            parts.append(f"→ {_part(span.output)}")
        lines.append(" ".join(part for part in parts if part))
    return "\n".join(lines)


def _part(text: str) -> str:
    value = messages.decode(text) if text[:1] in '{["' else None
    line = " ".join((messages.encode(value) if value is not None else text).split())
    return line if len(line) <= _MAX_PART else line[:_MAX_PART] + "…"
