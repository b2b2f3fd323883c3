"""OTLP/HTTP: routes, body limits, answers in the sender's encoding.

See https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from importlib.metadata import version

from everyspan.versions import HEADER as VERSION_HEADER
from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect

from ingest import otlp
from ingest.caller import gate
from ingest.cors import Cors
from ingest.held import Held
from ingest.otlp import Encoding, Signal
from ingest.paths import SIGNAL_OF, hint
from ingest.prepare import Body
from ingest.receiver import Receiver
from ingest.refusal import Refusal, Refused, not_known
from service.app import ServiceApp, refuse
from service.caller import Caller, NotAllowed
from service.keys import ASKING

_CONTENT_TYPES: dict[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
    # A Collector's file exporter writes a request a line.
    "application/x-ndjson": "json",
    "application/jsonl": "json",
    "application/json-lines": "json",
}
#: The SDK compares it with its own, and says where they don't fit.
_VERSION = {VERSION_HEADER: version("everyspan-server")}
_MEDIA_TYPES: dict[Encoding, str] = {
    "protobuf": "application/x-protobuf",
    "json": "application/json",
}


def create_app(
    receiver: Receiver,
    registries: Sequence[CollectorRegistry] = (),
    degraded: Callable[[], Sequence[str]] = tuple,
) -> ServiceApp:
    """The service as an ASGI application. Whoever made ``receiver`` starts and stops it.

    ``registries``: metrics of other services in the same process, served with our own.
    ``degraded``: what else in this process does not work; readyz says it, and goes on taking spans.
    """

    def not_allowed(caller: Caller, refused: NotAllowed) -> Response:
        signal = SIGNAL_OF.get(caller.path)
        if signal is None:
            return refuse(caller, refused)
        receiver.telemetry.requests.labels(signal, "http", int(refused.status)).inc()
        encoding = _encoding(caller.headers.get("content-type", "")) or "protobuf"
        return _refuse(not_known(refused), encoding)

    app = ServiceApp(
        gate(receiver.settings, receiver.keys),
        ready=receiver.ready,
        registries=(receiver.telemetry.registry, *registries),
        degraded=degraded,
        refuse=not_allowed,
    )

    async def export(request: Request) -> Response:
        """An export request of OTLP, protobuf or JSON. Metrics are accepted and not stored."""
        return await _export(receiver, request, SIGNAL_OF[request.url.path])

    for path in SIGNAL_OF:
        app.add_api_route(path, export, methods=["POST"])

    async def elsewhere(request: Request, _: Exception) -> Response:
        encoding = _encoding(request.headers.get("content-type", "")) or "json"
        return _refuse(Refusal(HTTPStatus.NOT_FOUND, hint(request.url.path)), encoding)

    app.add_exception_handler(HTTPStatus.NOT_FOUND, elsewhere)
    origins = frozenset(filter(None, map(str.strip, receiver.settings.cors_origins.split(","))))
    if origins:
        app.before(lambda inner: Cors(inner, origins))
    return app


async def _export(receiver: Receiver, request: Request, signal: Signal) -> Response:
    content_type = request.headers.get("content-type", "")
    encoding = _encoding(content_type)
    response: Response
    held = receiver.account.open()
    try:
        if encoding is None:
            raise Refused(
                Refusal(
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                    f"Content-Type '{content_type}' is not supported; use application/x-protobuf "
                    "or application/json",
                )
            )
        who = ASKING.get()
        receiver.check_rate(who, signal)
        coding = request.headers.get("content-encoding", "")
        body = Body(signal, encoding, coding, await _read(request, receiver, held))
        response = Response(
            otlp.answer(signal, encoding, await receiver.receive(body, held, who)),
            media_type=_MEDIA_TYPES[encoding],
            headers=_VERSION,
        )
    except Refused as refused:
        response = _refuse(refused.refusal, encoding or "protobuf")
    except ClientDisconnect:
        response = Response(status_code=499)
    receiver.telemetry.requests.labels(signal, "http", response.status_code).inc()
    return response


def _encoding(content_type: str) -> Encoding | None:
    return _CONTENT_TYPES.get(content_type.partition(";")[0].strip().lower())


async def _read(request: Request, receiver: Receiver, held: Held) -> bytes:
    limit = receiver.settings.max_body_bytes
    declared = request.headers.get("content-length", "")
    parts: list[bytes] = []
    try:
        expected = int(declared) if declared.isdigit() else 0
        if expected > limit:
            raise Refused(_too_large(limit))
        held.expect(expected)
        async for part in request.stream():
            held.receive(len(part))
            parts.append(part)
            if held.bytes > limit:
                raise Refused(_too_large(limit))
    except BaseException:
        # It holds this frame.
        part = b""
        parts.clear()
        held.release()
        raise
    return b"".join(parts)


def _too_large(limit: int) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is over {limit} bytes; send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE) "
        "or raise EVERYSPAN_MAX_BODY_BYTES (in a Collector: sending_queue.batch.max_size, or "
        "send_batch_max_size of the processor batch)",
    )


def _refuse(refusal: Refusal, encoding: Encoding) -> Response:
    headers = {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["connection"] = "close"
    return Response(
        otlp.status(refusal, encoding),
        status_code=refusal.status,
        media_type=_MEDIA_TYPES[encoding],
        headers=headers,
    )
