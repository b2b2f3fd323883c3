"""Leaves of a row what can't be anybody's words: numbers, names of models and tools, times, ids."""

from __future__ import annotations

import re

from clickhouse.span import Span
from ingest.conventions.convention import CONTENT
from ingest.conventions.registry import RULES

#: Columns of text that people or models wrote, beside those of content.
_SAID = ("status_message",)
#: What the SDK records of a step for its replay, and what a person wrote.
_OURS_SAID = ("everyspan.step", "everyspan.feedback.comment")
_NUMBER = re.compile(r"-?\d{1,19}(?:\.\d{1,19})?(?:[eE][+-]?\d{1,3})?|true|false")


def without_content(span: Span) -> None:
    """In place. Attributes stay that are numbers, that fill a column which is no content, or that
    are ours; events and links keep nothing."""
    for column in CONTENT:
        if isinstance(value := getattr(span, column, None), str):
            setattr(span, column, "")
        elif value is not None:
            setattr(span, column, [])
    span.document_scores = []
    for column in _SAID:
        setattr(span, column, "")
    span.events = span.links = ""
    span.attributes = {
        name: value for name, value in span.attributes.items() if _stays(name, value)
    }


def _stays(name: str, value: str) -> bool:
    if name.startswith("everyspan."):
        return not name.startswith(_OURS_SAID)
    if _NUMBER.fullmatch(value):
        return True
    columns = RULES[name].columns
    return bool(columns) and not any(column in (*CONTENT, *_SAID) for column, _ in columns)
