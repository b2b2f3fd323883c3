"""The application that every service of ours is: no route of it is reached past its gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from service import health
from service.caller import Caller, Gate, NotAllowed

Refuse = Callable[[Caller, NotAllowed], Response]


def refuse(_: Caller, refused: NotAllowed) -> Response:
    """JSON as FastAPI words its errors."""
    return JSONResponse({"detail": str(refused)}, refused.status)


class ServiceApp(FastAPI):
    """``ready``, ``registries`` and ``degraded``: see ``health``. ``refuse``: the answer to who may
    not call, in the protocol's own form. ``schema``: serve /openapi.json.

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
        self.include_router(health.routes(gate, ready, registries, degraded))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            caller = Caller.of(scope)
            try:
                self.gate.check(caller)
            except NotAllowed as refused:
                response = self._refuse(caller, refused)
                response.headers.update(refused.headers)
                await response(scope, receive, send)
                return
        elif scope["type"] != "lifespan":
            # Nothing of ours speaks WebSocket.
            return
        await super().__call__(scope, receive, send)
