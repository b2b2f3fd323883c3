"""The application that every service of ours is: no route of it is reached past its gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import health
from service.caller import Caller, Gate, NotAllowed
from service.keys import ASKING, Who

Refuse = Callable[[Caller, NotAllowed], Response]
#: Told of what was done: by whom, and the method and path of what was called.
Audit = Callable[[Who, str], None]
_LOOKS = ("GET", "HEAD", "OPTIONS")


def refuse(_: Caller, refused: NotAllowed) -> Response:
    """JSON as FastAPI words its errors."""
    return JSONResponse({"detail": str(refused)}, refused.status)


class ServiceApp(FastAPI):
    """``ready``, ``registries`` and ``degraded``: see ``health``. ``refuse``: the answer to who may
    not call, in the protocol's own form. ``schema``: serve /openapi.json. ``audit``: told of every
    call that changed something, but for those to ``unaudited`` paths.

    The gate stands before the routes, so that one that is added later, or none, is asked no less.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        ready: health.Ready,
        registries: Sequence[CollectorRegistry],
        degraded: health.Degraded = tuple,
        refuse: Refuse = refuse,
        schema: bool = False,
        audit: Audit | None = None,
        unaudited: frozenset[str] = frozenset(),
        lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        super().__init__(
            title=f"Everyspan {gate.service}",
            version=version("everyspan-server"),
            docs_url=None,
            redoc_url=None,
            openapi_url="/openapi.json" if schema else None,
            lifespan=lifespan,
        )
        self.gate = gate
        self._refuse = refuse
        self._audit = audit
        self._unaudited = unaudited
        self._outer: ASGIApp = self._gated
        self.include_router(_health(gate, ready, registries, degraded))

    def before(self, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
        """Put something in front of the gate."""
        self._outer = wrap(self._outer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._outer(scope, receive, send)

    async def _gated(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            caller = Caller.of(scope)
            try:
                who = self.gate.check(caller)
            except NotAllowed as refused:
                response = self._refuse(caller, refused)
                response.headers.update(refused.headers)
                await response(scope, receive, send)
                return
            ASKING.set(who)
            send = self._audited(caller, who, send)
        elif scope["type"] != "lifespan":
            # Nothing of ours speaks WebSocket.
            return
        await super().__call__(scope, receive, send)

    def _audited(self, caller: Caller, who: Who, send: Send) -> Send:
        audit = self._audit
        if audit is None or caller.method in _LOOKS or caller.path in self._unaudited:
            return send
        act = f"{self.gate.service} {caller.method} {caller.path}"

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                audit(who, act[:200])
            await send(message)

        return sent


def _health(
    gate: Gate,
    ready: health.Ready,
    registries: Sequence[CollectorRegistry],
    degraded: health.Degraded,
) -> APIRouter:
    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> PlainTextResponse:
        """The process is alive."""
        return PlainTextResponse(health.ALIVE)

    @routes.get("/readyz")
    async def readyz(request: Request) -> PlainTextResponse:
        """Whether it can do its work, and why not."""
        may_see = gate.may_see_reasons(Caller.of(request.scope))
        status, text = health.readiness(await ready(), degraded(), may_see=may_see)
        return PlainTextResponse(text, status)

    @routes.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text format."""
        return Response(health.metrics(registries), media_type=health.METRICS_TYPE)

    return routes
