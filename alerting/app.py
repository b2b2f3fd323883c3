"""The alerting service."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response

from alerting.settings import AlertingSettings


def create_app(settings: AlertingSettings) -> FastAPI:
    """Health only for the moment."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    @app.get("/readyz")
    async def health() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response("")

    return app
