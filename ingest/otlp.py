"""OTLP request bodies: bytes to protobuf messages, and the answers back to bytes.

JSON is protobuf's JSON mapping but for ids, which are hex.
See https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Any, Literal, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest.refusal import Refusal, Refused

Encoding = Literal["protobuf", "json"]
Signal = Literal["traces", "logs", "metrics"]

_Request = TypeVar("_Request", bound=Message)


def decode_traces(body: bytes, encoding: Encoding) -> ExportTraceServiceRequest:
    """Raises Refused (400) for what is no ExportTraceServiceRequest."""
    if encoding == "json":
        document = _load(body)
        for resource in _dicts(document, "resourceSpans", "resource_spans"):
            for scope in _dicts(resource, "scopeSpans", "scope_spans"):
                for span in _dicts(scope, "spans"):
                    _hex_to_base64(span)
                    for link in _dicts(span, "links"):
                        _hex_to_base64(link)
        return _from_json(document, ExportTraceServiceRequest())
    return _from_protobuf(body, ExportTraceServiceRequest())


def decode_logs(body: bytes, encoding: Encoding) -> ExportLogsServiceRequest:
    """Raises Refused (400) for what is no ExportLogsServiceRequest."""
    if encoding == "json":
        document = _load(body)
        for resource in _dicts(document, "resourceLogs", "resource_logs"):
            for scope in _dicts(resource, "scopeLogs", "scope_logs"):
                for record in _dicts(scope, "logRecords", "log_records"):
                    _hex_to_base64(record)
        return _from_json(document, ExportLogsServiceRequest())
    return _from_protobuf(body, ExportLogsServiceRequest())


def answer(signal: Signal, encoding: Encoding, rejected: dict[str, int]) -> bytes:
    """The response message. ``rejected``: reason to number of spans or records."""
    count = sum(rejected.values())
    reason = "; ".join(f"{n} rejected: {why}" for why, n in rejected.items())
    message: Message
    if signal == "traces":
        traces = ExportTraceServiceResponse()
        if count:
            traces.partial_success.CopyFrom(
                ExportTracePartialSuccess(rejected_spans=count, error_message=reason)
            )
        message = traces
    elif signal == "logs":
        logs = ExportLogsServiceResponse()
        if count:
            logs.partial_success.CopyFrom(
                ExportLogsPartialSuccess(rejected_log_records=count, error_message=reason)
            )
        message = logs
    else:
        message = ExportMetricsServiceResponse()
    return _to_bytes(message, encoding)


def status(refusal: Refusal, encoding: Encoding) -> bytes:
    """The google.rpc.Status body of an error."""
    return _to_bytes(Status(code=refusal.rpc_code, message=refusal.message), encoding)


def _to_bytes(message: Message, encoding: Encoding) -> bytes:
    if encoding == "json":
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _from_protobuf(body: bytes, message: _Request) -> _Request:
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise _bad(f"the body is no protobuf {type(message).__name__}: {error}") from error
    return message


def _load(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"the body is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise _bad('the body must be a JSON object such as {"resourceSpans": […]}')
    return document


def _from_json(document: dict[str, Any], message: _Request) -> _Request:
    try:
        return json_format.ParseDict(document, message, ignore_unknown_fields=True)
    except (json_format.ParseError, RecursionError) as error:
        raise _bad(f"the body is no {type(message).__name__}: {error}") from error


def _dicts(parent: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    for name in names:
        found = parent.get(name)
        if isinstance(found, list):
            return [item for item in found if isinstance(item, dict)]
    return []


def _hex_to_base64(item: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"):
        text = item.get(name)
        if isinstance(text, str) and text:
            try:
                raw = binascii.unhexlify(text)
            except (binascii.Error, ValueError):
                # Kept, at a length that no id has, so that just this span is refused.
                raw = b"not hex"
            item[name] = base64.b64encode(raw).decode()


def _bad(message: str) -> Refused:
    return Refused(Refusal(HTTPStatus.BAD_REQUEST, message))
