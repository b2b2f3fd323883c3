"""/healthz, /readyz and /metrics, the same for every service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from service.caller import Caller, Gate

Ready = Callable[[], Awaitable[str]]
"""Why the service is not ready; '' when it is."""


def routes(gate: Gate, ready: Ready, registries: Sequence[CollectorRegistry]) -> APIRouter:
    """``registries``: what /metrics serves, one after the other."""
    health = APIRouter()

    @health.get("/healthz")
    async def healthz() -> PlainTextResponse:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    @health.get("/readyz")
    async def readyz(request: Request) -> PlainTextResponse:
        """200, or 503 with the reason for those who may know it."""
        reason = await ready()
        if not reason:
            return PlainTextResponse("ok\n")
        told = f": {reason}" if gate.may_see_reasons(Caller.of(request.scope)) else ""
        return PlainTextResponse(f"not ready{told}\n", HTTPStatus.SERVICE_UNAVAILABLE)

    @health.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text format."""
        text = b"".join(generate_latest(registry) for registry in registries)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return health
