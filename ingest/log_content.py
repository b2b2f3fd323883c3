"""OTLP log records that carry GenAI content, as rows of ``span_content``.

Instrumentations send prompts and answers as events, which are log records with a name: one a
message (open-telemetry/semantic-conventions v1.28 to v1.36) or one a call
(``gen_ai.client.inference.operation.details`` of semantic-conventions-genai), and evaluations as
``gen_ai.evaluation.result``. The name is the record's ``event_name``, before OTLP 1.5 its
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
from ingest.attributes import dumps, loads, text_of, value_of, values_of
from ingest.conventions.genai import CONTENT_COLUMNS
from ingest.conventions.genai_events import OPERATION_DETAILS
from ingest.limits import DROPPED_ATTRIBUTES, ContentLimits, cut, cut_within

_DAY = 86_400 * 10**9
_PREFIX = "gen_ai."
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
                name = _name(record)
                if not name or not (record.trace_id or record.span_id):
                    batch.ignored += 1
                    continue
                reason = _wrong_id(record)
                time = record.time_unix_nano or record.observed_time_unix_nano or now
                if not reason and time < earliest:
                    reason = f"time is older than the {retention_days} days that are kept"
                elif not reason and time > latest:
                    reason = "time is more than a day in the future"
                if reason:
                    rejected[reason] += 1
                    continue
                key = (record.trace_id, record.span_id)
                time = last[key] = time + 1 if last.get(key, -1) == time else time
                if last.get(key, -1) >= time:
                    pass
                batch.records.append(_row(record, name, time, limits))
    batch.rejected = dict(rejected)
    return batch
