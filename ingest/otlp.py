"""OTLP request bodies: bytes to protobuf messages, and the answers back to bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest.json_source import JsonSource
from ingest.pieces import LOGS, PIECE_BYTES, TRACES, RequestT, Shape, UnreadableError, pieces
from ingest.protobuf_source import ProtobufSource
from ingest.refusal import Refusal, Refused
from ingest.rejected import Rejected

Encoding = Literal["protobuf", "json"]
Signal = Literal["traces", "logs", "metrics"]

_NAMES: dict[Encoding, str] = {"protobuf": "protobuf", "json": "JSON"}
#: The end of one document and the start of the next, each on a line of its own.
_BETWEEN = re.compile(rb"\}\r?\n\{\"resource(?:Spans|Logs|Metrics)\"|\}\r?\n\{\"resource_")
# A decoded request may have so many bytes of resources, each counted for each of its rows.
_MOST_SPREAD = 4 * PIECE_BYTES


def trace_requests(
    body: bytes, encoding: Encoding, rejected: Rejected
) -> Iterator[ExportTraceServiceRequest]:
    """The request, in pieces where it is large, without the spans that can't be read: those are
    added to ``rejected``. Raises Refused (400) for what is no ExportTraceServiceRequest, and where
    nothing in it can be read; then nothing that was yielded before counts."""
    return _requests(body, encoding, TRACES, rejected)


def log_requests(
    body: bytes, encoding: Encoding, rejected: Rejected
) -> Iterator[ExportLogsServiceRequest]:
    """The same for an ExportLogsServiceRequest."""
    return _requests(body, encoding, LOGS, rejected)


def _requests(
    body: bytes, encoding: Encoding, shape: Shape[RequestT], rejected: Rejected
) -> Iterator[RequestT]:
    if encoding == "protobuf" and len(body) <= PIECE_BYTES:
        try:
            request = shape.request.FromString(body)
        except DecodeError:
            pass
        else:
            if _spread(request, shape) <= _MOST_SPREAD:
                yield request
                return
    try:
        empty = True
        found = (
            [pieces(ProtobufSource(body, shape), shape.noun, rejected)]
            if encoding == "protobuf"
            else [pieces(JsonSource(line, shape), shape.noun, rejected) for line in _lines(body)]
        )
        for requests in found:
            for request in requests:
                empty = False
                yield request
    except UnreadableError as error:
        raise _bad(
            f"the body is no {_NAMES[encoding]} {shape.request.__name__}: {error}"
        ) from error
    reasons = rejected.reasons()
    if empty and reasons:
        raise _bad(f"nothing in this {_NAMES[encoding]} body can be read: {'; '.join(reasons)}")


def _lines(body: bytes) -> list[bytes]:
    """The JSON documents of a body: one, or one a line. Within one, an object that has ended is
    followed by a comma or a bracket."""
    if _BETWEEN.search(body) is None:
        return [body]
    return [line for line in body.splitlines() if line.strip()]


def _spread(request: Message, shape: Shape[RequestT]) -> int:
    size = 0
    for group in getattr(request, shape.resources):
        shared = group.resource.ByteSize()
        size += shared * sum(len(getattr(s, shape.items)) for s in getattr(group, shape.scopes))
    return size


#: Said of metrics and of log records that are about no step of an agent: taken, and not kept.
NOT_STORED = "not stored: Everyspan keeps spans, and log records that carry prompts and answers"


def answer(signal: Signal, encoding: Encoding, rejected: dict[str, int]) -> bytes:
    """The response message. ``rejected``: reason to number of spans or records; metrics get a
    warning that nothing of them is kept, and are neither failed nor sent again for it."""
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
        metrics = ExportMetricsServiceResponse()
        if rejected:
            metrics.partial_success.CopyFrom(
                ExportMetricsPartialSuccess(error_message="; ".join(rejected))
            )
        message = metrics
    return _to_bytes(message, encoding)


def status(refusal: Refusal, encoding: Encoding) -> bytes:
    """The google.rpc.Status body of an error."""
    return _to_bytes(Status(code=refusal.rpc_code, message=refusal.message), encoding)


def _to_bytes(message: Message, encoding: Encoding) -> bytes:
    if encoding == "json":
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def _bad(message: str) -> Refused:
    return Refused(Refusal(HTTPStatus.BAD_REQUEST, message))
