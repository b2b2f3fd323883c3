"""OTLP log records that carry GenAI content, as rows of ``span_content``.

Instrumentations send prompts and answers as events, which are log records with a name: one a
message (open-telemetry/semantic-conventions v1.28 to v1.36) or one a call
(``gen_ai.client.inference.operation.details`` of semantic-conventions-genai), and evaluations as
``gen_ai.evaluation.result``; Claude Code sends prompts, answers and results of tools so. The
name is the record's ``event_name``, before OTLP 1.5 its
attribute ``event.name``. All other log records are none of our business: accepted and left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from clickhouse.content import ContentRecord
from ingest.attributes import dumps, value_of, values_of
from ingest.conventions.genai import CONTENT_COLUMNS
from ingest.conventions.genai_events import OPERATION_DETAILS
from ingest.limits import DROPPED_ATTRIBUTES, ContentLimits, cut, cut_within

_DAY = 86_400 * 10**9
#: Records of one span that are closer than this to the one sent before were sent after it.
_TICK = 1000
_SHORTEST = 256
_PREFIXES = ("gen_ai.", "claude_code.")
_NAME_ATTRIBUTES = ("event.name", "event_name")
_CONTENT_ATTRIBUTES = frozenset(attribute for attribute, _ in CONTENT_COLUMNS)


@dataclass(slots=True)
class ContentBatch:
    """``rejected``: reason to number of records; ``ignored``: records that aren't GenAI content."""

    records: list[ContentRecord] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    ignored: int = 0


def content_records(
    request: ExportLogsServiceRequest, *, now: int, retention_days: int, limits: ContentLimits
) -> ContentBatch:
    """The request's GenAI records. ``now``: nanoseconds since 1970.

    A record without ids belongs to no span and is ignored; one with ids of a wrong length, or of a
    time outside [now - retention, now + 1 day], is rejected. The time is the record's own, else
    when it was observed, else now. Records of one span and the same time get a nanosecond each, so
    that they stay in the order in which they were sent.
    """
    batch = ContentBatch()
    rejected: Counter[str] = Counter()
    earliest = now - retention_days * _DAY
    latest = now + _DAY
    last: dict[tuple[bytes, bytes], int] = {}
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                name = _name(record) if record.trace_id or record.span_id else ""
                if not name:
                    batch.ignored += 1
                    continue
                reason = _wrong_id(record)
                time = record.time_unix_nano or record.observed_time_unix_nano or now
                if not reason and time < earliest:
                    reason = (
                        f"time_unix_nano is older than the retention of {retention_days} days:"
                        " send nanoseconds since 1970 in UTC, or raise the retention"
                    )
                elif not reason and time > latest:
                    reason = (
                        "time_unix_nano is more than a day in the future: send nanoseconds since"
                        " 1970 in UTC and check the sender's clock"
                    )
                if reason:
                    rejected[reason] += 1
                    continue
                span = (record.trace_id, record.span_id)
                # Several clocks tick in milliseconds.
                behind = last.get(span, 0) - time
                if 0 <= behind < _TICK:
                    time += behind + 1
                last[span] = time
                batch.records.append(_row(record, name, time, limits))
    batch.rejected = dict(rejected)
    return batch


def _name(record: LogRecord) -> str:
    """The event's name where it is about GenAI, else ''."""
    name = record.event_name
    if name:
        return name if name.startswith(_PREFIXES) else ""
    # Claude Code has the whole name in the body, and a part of it in the attribute.
    said = record.body.string_value
    if said.startswith("claude_code."):
        return said
    has_content = False
    for attribute in record.attributes:
        if attribute.key in _NAME_ATTRIBUTES:
            name = attribute.value.string_value
            return name if name.startswith(_PREFIXES) else ""
        has_content = has_content or attribute.key in _CONTENT_ATTRIBUTES
    if has_content:
        return OPERATION_DETAILS
    # Older loggers put the name into the body.
    body = record.body
    if body.WhichOneof("value") == "kvlist_value":
        for item in body.kvlist_value.values:
            if item.key in _NAME_ATTRIBUTES and item.value.string_value.startswith(_PREFIXES):
                return item.value.string_value
    return ""


def _wrong_id(record: LogRecord) -> str:
    if len(record.trace_id) != 16:
        return f"trace_id must be 16 bytes, got {len(record.trace_id)}"
    if len(record.span_id) != 8:
        return f"span_id must be 8 bytes, got {len(record.span_id)}"
    if not any(record.trace_id):
        return "trace_id must not be all zero: it is what W3C Trace Context calls invalid"
    if not any(record.span_id):
        return "span_id must not be all zero: it is what W3C Trace Context calls invalid"
    return ""


def _row(record: LogRecord, name: str, time: int, limits: ContentLimits) -> ContentRecord:
    attributes = values_of(record.attributes)
    for attribute in _NAME_ATTRIBUTES:
        attributes.pop(attribute, None)
    if len(attributes) > limits.max_attributes:
        over = len(attributes) - limits.max_attributes
        attributes = dict(list(attributes.items())[: limits.max_attributes])
        attributes[DROPPED_ATTRIBUTES] = over
    content: dict[str, Any] = {"attributes": attributes}
    if record.HasField("body"):
        content["body"] = value_of(record.body)
    text = dumps(cut_within(content, limits.max_attribute_bytes))
    size = limits.max_attribute_bytes
    # Many texts within the limit that are over it together: all become shorter.
    while len(text) > limits.max_events_bytes and size > _SHORTEST:
        size //= 2
        text = dumps(cut_within(content, size))
    if len(text) > limits.max_events_bytes:
        text = dumps({"attributes": {}, "body": cut(text, limits.max_attribute_bytes)})
    trace_id, span_id = record.trace_id.hex(), record.span_id.hex()
    sent = record.time_unix_nano or record.observed_time_unix_nano
    said = f"{trace_id} {span_id} {sent} {name} {text}".encode("utf-8", "replace")
    digest = blake2b(said, digest_size=8).digest()
    name = cut(name, limits.max_attribute_name_bytes)
    return ContentRecord(trace_id, span_id, time, int.from_bytes(digest), name, text)
