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

Degraded = Callable[[], Sequence[str]]
"""What does not work while the service does: a sentence each."""


def routes(
    gate: Gate, ready: Ready, registries: Sequence[CollectorRegistry], degraded: Degraded = tuple
) -> APIRouter:
    """``registries``: what /metrics serves, one after the other."""
    health = APIRouter()

    @health.get("/healthz")
    async def healthz() -> PlainTextResponse:
        """The process is alive."""
        return PlainTextResponse("ok\n")

    @health.get("/readyz")
    async def readyz(request: Request) -> PlainTextResponse:
        """200, or 503 with the reason for those who may know it; a line more for each thing that is
        degraded."""
        reason = await ready()
        may_see = gate.may_see_reasons(Caller.of(request.scope))
        told = f": {reason}" if may_see else ""
        lines = [f"not ready{told}" if reason else "ok"]
        lines += [f"degraded: {each}" for each in degraded()] if may_see else []
        return PlainTextResponse(
            "\n".join(lines) + "\n",
            HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK,
        )

    @health.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text format."""
        text = b"".join(generate_latest(registry) for registry in registries)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return health
