"""OTLP requests to send in tests, built with the protocol's own messages."""

from __future__ import annotations

import os
import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.otlp import Encoding, log_requests, trace_requests
from ingest.rejected import Rejected


def trace_id() -> bytes:
    """A new random one."""
    return os.urandom(16)


def span(
    trace: bytes,
    *,
    span_id: bytes | None = None,
    attributes: dict[str, Any] | None = None,
    **fields: Any,
) -> Span:
    """A span that began now and took 5 ms."""
    start = fields.pop("start_time_unix_nano", time.time_ns())
    return Span(
        trace_id=trace,
        span_id=span_id if span_id is not None else os.urandom(8),
        name=fields.pop("name", "step"),
        start_time_unix_nano=start,
        end_time_unix_nano=fields.pop("end_time_unix_nano", start + 5_000_000),
        attributes=[key_value(k, v) for k, v in (attributes or {}).items()],
        **fields,
    )


def key_value(key: str, value: Any) -> KeyValue:
    """An attribute of a string, bool, int or float."""
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def request(*spans: Span, service: str = "test") -> ExportTraceServiceRequest:
    """One resource, one scope."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.append(key_value("service.name", service))
    scope = resource.scope_spans.add()
    scope.scope.name = "tests"
    scope.spans.extend(spans)
    return message


def decode_traces(body: bytes, encoding: Encoding) -> ExportTraceServiceRequest:
    """The whole of a body in which nothing is wrong."""
    message, rejected = ExportTraceServiceRequest(), Rejected()
    for piece in trace_requests(body, encoding, rejected):
        message.MergeFrom(piece)
    assert not rejected.reasons()
    return message


def decode_logs(body: bytes, encoding: Encoding) -> ExportLogsServiceRequest:
    """The whole of a body in which nothing is wrong."""
    message, rejected = ExportLogsServiceRequest(), Rejected()
    for piece in log_requests(body, encoding, rejected):
        message.MergeFrom(piece)
    assert not rejected.reasons()
    return message
