"""Small OTLP spans for the tests of normalisation."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from clickhouse.span import Span
from ingest.limits import ContentLimits
from ingest.normalise import Normalised, normalise

NOW = time.time_ns()
DAY = 86_400 * 10**9


def set_value(target: AnyValue, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            set_value(target.array_value.values.add(), item)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            pair = target.kvlist_value.values.add()
            pair.key = key
            set_value(pair.value, item)


def set_attributes(pairs: Any, attributes: dict[str, Any]) -> None:
    for key, value in attributes.items():
        pair = pairs.add()
        pair.key = key
        set_value(pair.value, value)


def request_of(
    attributes: dict[str, Any] | None = None,
    *,
    name: str = "step",
    scope: str = "my.tracer",
    resource: dict[str, Any] | None = None,
    events: list[tuple[str, dict[str, Any]]] | None = None,
    **fields: Any,
) -> ExportTraceServiceRequest:
    """A request with one span; ``fields`` are the proto's own (ids, times, status)."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    set_attributes(group.resource.attributes, resource or {})
    scoped = group.scope_spans.add()
    scoped.scope.name = scope
    defaults: dict[str, Any] = {
        "trace_id": b"\x01" * 16,
        "span_id": b"\x02" * 8,
        "name": name,
        "start_time_unix_nano": NOW - 10**9,
        "end_time_unix_nano": NOW - 10**9 + 1_500_000,
    }
    span = trace_pb2.Span(**{**defaults, **fields})
    set_attributes(span.attributes, attributes or {})
    for index, (event_name, event_attributes) in enumerate(events or []):
        event = span.events.add(name=event_name, time_unix_nano=NOW + index)
        set_attributes(event.attributes, event_attributes)
    scoped.spans.append(span)
    return request


def normalised(
    attributes: dict[str, Any] | None = None, *, limits: ContentLimits | None = None, **kwargs: Any
) -> Normalised:
    request = request_of(attributes, **kwargs)
    return normalise(request, now=NOW, retention_days=30, limits=limits or ContentLimits())


def row(attributes: dict[str, Any] | None = None, **kwargs: Any) -> Span:
    """The one row of a span with these attributes."""
    result = normalised(attributes, **kwargs)
    assert not result.rejected
    return result.spans[0]
