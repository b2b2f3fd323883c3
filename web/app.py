"""The page as an ASGI application: a view a module, every answer behind the gate."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.exceptions import HTTPException

from clickhouse.connection import StorageUnavailableError
from service.app import ServiceApp, refuse
from service.caller import Caller, NotAllowed
from service.client import Client as Service
from service.errors import UserError
from service.keys import Keys
from web import alerts, now, pages, reviews, session, trace_view, traces_view
from web.caller import WebGate
from web.key import ENTER, cookie
from web.reader import Connecting, NotReadError, Reader
from web.session import NoSessionError
from web.settings import WebSettings
from web.trace import NotStoredError
from web.when import AddressError

_KEPT_SECONDS = 400 * 86_400


def create_app(
    settings: WebSettings,
    connecting: Connecting,
    classify: Service,
    alerting: Service,
    key: SecretStr,
    keys: Keys | None = None,
) -> ServiceApp:
    """``connecting``: a client that reads. ``classify`` keeps reviews, ``alerting`` knows who was
    told. ``key``: see key.py. ``keys``: of projects. ``app.state.registry`` has its metrics."""
    reader = Reader(connecting, settings.database)
    registry = CollectorRegistry()

    async def ready() -> str:
        try:
            await run_in_threadpool(reader.rows, "SELECT 1")
        except UserError as error:
            return str(error)
        return ""

    gate = WebGate(settings, key, keys)
    app = ServiceApp(gate, ready=ready, registries=(registry,), refuse=_not_allowed)
    app.add_middleware(pages.SafeHeaders)
    app.add_middleware(pages.ForWhom, may_change=gate.may_change)
    app.state.registry = registry
    app.include_router(traces_view.router(reader))
    app.include_router(trace_view.router(reader))
    app.include_router(session.router(reader))
    app.include_router(now.router(reader))
    app.include_router(reviews.router(reader, classify))
    app.include_router(alerts.router(alerting))

    @app.get(ENTER)
    def enter(request: Request, key: str = "") -> Response:
        """The address with the key: from then on this browser may answer."""
        if not gate.is_key(key):
            return pages.problem(
                HTTPStatus.FORBIDDEN,
                "this is not the key of this page; take the address that `everyspan up` printed, "
                "whole, and of the stack that runs now",
                "Not the key",
            )
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        # Lax: a link in an alert brings it along, a form of another site does not.
        name = cookie(SecretStr(key))
        answer.set_cookie(
            name,
            key,
            max_age=_KEPT_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        """Style, script and icon: ours, and all that a page loads."""
        return pages.static(name) or pages.problem(HTTPStatus.NOT_FOUND, "there is no such file")

    @app.exception_handler(UserError)
    def told(_: Request, error: UserError) -> HTMLResponse:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        if isinstance(error, AddressError):
            status = HTTPStatus.BAD_REQUEST
        if isinstance(error, NotReadError):
            status = HTTPStatus.FORBIDDEN
        if isinstance(error, NotStoredError | NoSessionError):
            status = HTTPStatus.NOT_FOUND
        heading = "No data to read" if isinstance(error, StorageUnavailableError) else ""
        return pages.problem(status, str(error), heading)

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> HTMLResponse:
        return pages.problem(error.status_code, f"{error.detail}; the views are listed above")

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> HTMLResponse:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:])
        return pages.problem(HTTPStatus.BAD_REQUEST, f"{name}: {first['msg']}")

    return app


def _not_allowed(caller: Caller, refused: NotAllowed) -> Response:
    answer = refuse(caller, refused)
    answer.headers.update(pages.HEADERS)
    return answer
