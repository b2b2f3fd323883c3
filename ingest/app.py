"""OTLP/HTTP: routes, body limits, answers in the sender's encoding.

See https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import ClientDisconnect

from ingest import otlp
from ingest.otlp import Encoding, Signal
from ingest.prepare import Body
from ingest.receiver import Receiver
from ingest.refusal import Refusal, Refused

_CONTENT_TYPES: dict[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
_MEDIA_TYPES: dict[Encoding, str] = {
    "protobuf": "application/x-protobuf",
    "json": "application/json",
}


def create_app(
    receiver: Receiver,
    registries: Sequence[CollectorRegistry] = (),
    degraded: Callable[[], Sequence[str]] = tuple,
) -> FastAPI:
    """The service as an ASGI application. Whoever made ``receiver`` starts and stops it.

    ``registries``: metrics of other services in the same process, served with our own.
    ``degraded``: what else in this process does not work; readyz says it, and goes on taking spans.
    """
    app = FastAPI(title="Everyspan ingest", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/v1/traces")
    async def traces(request: Request) -> Response:
        """ExportTraceServiceRequest, protobuf or JSON."""
        return await _export(receiver, request, "traces")

    @app.post("/v1/logs")
    async def logs(request: Request) -> Response:
        """ExportLogsServiceRequest, protobuf or JSON."""
        return await _export(receiver, request, "logs")

    @app.post("/v1/metrics")
    async def metrics_signal(request: Request) -> Response:
        """Accepted and not stored."""
        return await _export(receiver, request, "metrics")

    @app.get("/healthz")
    async def healthz() -> PlainTextResponse:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> PlainTextResponse:
        """Spans can be stored now; a line more for each thing that is degraded."""
        reason = await receiver.ready()
        lines = [f"not ready: {reason}" if reason else "ok"]
        lines += [f"degraded: {each}" for each in degraded()]
        return PlainTextResponse(
            "\n".join(lines) + "\n",
            HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK,
        )

    @app.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text format."""
        parts = [generate_latest(r) for r in (receiver.telemetry.registry, *registries)]
        return Response(b"".join(parts), media_type=CONTENT_TYPE_LATEST)

    return app


async def _export(receiver: Receiver, request: Request, signal: Signal) -> Response:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = _CONTENT_TYPES.get(content_type)
    response: Response
    try:
        receiver.check_token(request.headers.get("authorization", ""))
        if encoding is None:
            raise Refused(
                Refusal(
                    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                    f"Content-Type '{content_type}' is not supported; use application/x-protobuf "
                    "or application/json",
                )
            )
        data = await _read(request, receiver.settings.max_body_bytes)
        body = Body(signal, encoding, request.headers.get("content-encoding", ""), data)
        rejected = await receiver.receive(body)
        response = Response(
            otlp.answer(signal, encoding, rejected), media_type=_MEDIA_TYPES[encoding]
        )
    except Refused as refused:
        response = _refuse(refused.refusal, encoding or "protobuf")
    except ClientDisconnect:
        response = Response(status_code=499)
    receiver.telemetry.requests.labels(signal, "http", response.status_code).inc()
    return response


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    parts: list[bytes] = []
    size = int(declared) if declared.isdigit() else 0
    if size <= limit:
        size = 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > limit:
                break
    if size > limit:
        raise Refused(
            Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is over {limit} bytes; send smaller batches "
                "(OTEL_BSP_MAX_EXPORT_BATCH_SIZE) or raise EVERYSPAN_MAX_BODY_BYTES",
            )
        )
    return b"".join(parts)


def _refuse(refusal: Refusal, encoding: Encoding) -> Response:
    headers = {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # The rest of the body is not read.
        headers["connection"] = "close"
    return Response(
        otlp.status(refusal, encoding),
        status_code=refusal.status,
        media_type=_MEDIA_TYPES[encoding],
        headers=headers,
    )
