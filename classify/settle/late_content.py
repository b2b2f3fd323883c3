"""Content that came apart from its span, put on it: log records become events and columns.

The columns are filled by the code that reads the same events on a span, from all records there
are, so that it doesn't matter when which of them came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from clickhouse.content import ContentRecord
from clickhouse.span import Span
from ingest.attributes import dumps, loads
from ingest.conventions.columns import fill
from ingest.conventions.convention import Draft
from ingest.conventions.genai_events import CONTENT_EVENTS, Event, apply_events
from ingest.events import iso
from ingest.limits import DROPPED_CONTENT, ContentLimits

#: Attribute that names the columns which hold late content, so that more of it may still change
#: them; what the span itself carried never changes.
LATE_CONTENT = "everyspan.late_content"

COLUMNS = (
    "input",
    "output",
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
)
#: Key of an event that came as a log record; as text, because JavaScript reads 53 bits.
_RECORD_ID = "record_id"
_Entry = dict[str, Any]
_DATE = re.compile(r"(.{19})\.(\d{9})Z")


def merge(
    span: Span, records: Sequence[ContentRecord], *, limits: ContentLimits | None = None
) -> Span:
    """A new span with the records in its ``events`` and content columns; pure.

    Records of other spans are left out, and those that ``events`` has already. Merging some and
    then others gives what merging all of them gives.
    """
    limits = limits or ContentLimits()
    events = loads(span.events) if span.events else []
    entries: list[_Entry] = [e for e in events if isinstance(e, dict)] if events else []
    present = {entry[_RECORD_ID] for entry in entries if _RECORD_ID in entry}
    own = {_said(entry) for entry in entries if _RECORD_ID not in entry}
    added = False
    for record in records:
        if (record.project, record.trace_id, record.span_id) != (
            span.project,
            span.trace_id,
            span.span_id,
        ):
            continue
        entry = _entry(record)
        if entry[_RECORD_ID] not in present and _said(entry) not in own:
            present.add(entry[_RECORD_ID])
            entries.append(entry)
            added = True
    if not added:
        return span
    entries.sort(key=_place)
    kept, text = _within(entries, limits)
    attributes = dict(span.attributes)
    if len(kept) < len(entries):
        attributes[DROPPED_CONTENT] = "true"
    before = set(filter(None, attributes.get(LATE_CONTENT, "").split(",")))
    found = _columns(span, kept, limits)
    filled: dict[str, Any] = {
        column: content
        for column, content in found.items()
        if content and (column in before or not getattr(span, column))
    }
    if filled:
        attributes[LATE_CONTENT] = ",".join(sorted(before | filled.keys()))
    return replace(span, events=text, attributes=attributes, **filled)


def _entry(record: ContentRecord) -> _Entry:
    said = loads(record.attributes)
    entry: _Entry = {"time": iso(record.time), "name": record.name, "attributes": {}}
    if isinstance(said, dict):
        entry |= {key: said[key] for key in ("attributes", "body") if key in said}
    entry[_RECORD_ID] = f"{record.record_id:016x}"
    return entry


def _said(entry: _Entry) -> str:
    """What an event says, whenever and however it was sent."""
    return dumps([entry.get("name"), entry.get("attributes"), entry.get("body")])


def _place(entry: _Entry) -> tuple[int, str]:
    return _nanoseconds(str(entry.get("time", ""))), str(entry.get(_RECORD_ID, ""))


def _nanoseconds(time: str) -> int:
    """The inverse of ``iso``; 0 for what is no time."""
    found = _DATE.fullmatch(time)
    if found:
        try:
            moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        except ValueError:
            return 0
        return int(moment.timestamp()) * 10**9 + int(found[2])
    return int(time) if time.isdecimal() else 0


def _within(entries: list[_Entry], limits: ContentLimits) -> tuple[list[_Entry], str]:
    """The first events that fit into the column, and its text."""
    texts = []
    size = 2
    for entry in entries[: limits.max_events]:
        text = dumps(entry)
        size += len(text) + 1
        if size > limits.max_events_bytes:
            break
        texts.append(text)
    return entries[: len(texts)], f"[{','.join(texts)}]"


def _columns(span: Span, entries: Sequence[_Entry], limits: ContentLimits) -> dict[str, str]:
    """What the late content among the events says, column by column."""
    events: list[Event] = []
    for entry in entries:
        name, attributes = entry.get("name"), entry.get("attributes")
        if _RECORD_ID in entry and name in CONTENT_EVENTS:
            values = dict(attributes) if isinstance(attributes, dict) else {}
            if "body" in entry:
                values["body"] = entry["body"]
            events.append((_place(entry)[0], name, values))
    draft = Draft()
    apply_events(events, draft)
    draft.values["step_kind"] = span.step_kind
    read = Span(span.trace_id, span.span_id)
    fill(read, draft, {}, limits)
    return {column: getattr(read, column) for column in COLUMNS}
