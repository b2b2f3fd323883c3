"""The alerting service: Grafana's webhook in, every notification on disk before it is answered, and
from there, enriched, to whom it concerns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

from clickhouse_connect.driver.client import Client
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from alerting.api import router
from alerting.caller import WEBHOOK, AlertingGate
from alerting.clickhouse_watch import NoServerError
from alerting.enrich.enrich import Tools
from alerting.notification import BodyError, Notification, read_notification
from alerting.pipeline import Pipeline
from alerting.routing import read_routes
from alerting.settings import AlertingSettings
from alerting.signature import SignatureError, check_body
from alerting.spool import Spool, SpoolError
from alerting.store.store import Store
from alerting.telemetry import Telemetry
from clickhouse.connection import connect
from service.app import Audit, ServiceApp, refuse
from service.caller import Caller, NotAllowed
from service.keys import Keys

log = logging.getLogger(__name__)

_DAY_MS = 86_400_000
_RETRY_SECONDS = 5
_T = TypeVar("_T")


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Service:
    """The stages of a notification: read, verify, understand, store. What comes then is the
    pipeline's."""

    def __init__(
        self, settings: AlertingSettings, connecting: Callable[[], Client], *, alone: bool
    ) -> None:
        self.telemetry = Telemetry(alone=alone)
        self._settings = settings
        self._connecting = connecting
        # What is wrong in these files should end the start.
        self.routes, self._tools = read_routes(settings.alert_routes), Tools.of(settings)
        self._spool: Spool | None = None
        self._pipeline: Pipeline | None = None
        self._forgotten_at = 0
        self._troubles: list[str] = []
        # SQLite's one connection, off the event loop.
        self._disk = ThreadPoolExecutor(1, "alerting-spool")

    async def start(self) -> None:
        """Raises SpoolError."""
        self._spool = await self._on_disk(lambda: Spool(self._settings.spool))
        self.telemetry.spooled.set(await self._on_disk(self._spool.count))
        self._pipeline = Pipeline(
            self._settings,
            self.routes,
            self._tools,
            self._connecting,
            self.telemetry,
            Store(self._settings.spool),
        )
        self._pipeline.start()

    @property
    def store(self) -> Store:
        """Once started."""
        assert self._pipeline is not None
        return self._pipeline.store

    async def stop(self) -> None:
        if self._pipeline is not None:
            await asyncio.to_thread(self._pipeline.stop)
            self._pipeline.store.close()
        if self._spool is not None:
            await self._on_disk(self._spool.close)
        self._disk.shutdown()

    async def ready(self) -> str:
        """Why nothing can be recorded now; '' where it can."""
        assert self._spool is not None
        try:
            # A notification in the journal, and once more in its table.
            room = 2 * self._settings.alerting_max_body_bytes
            spool = self._spool
            await self._on_disk(lambda: spool.check(room))
        except SpoolError as error:
            return str(error)
        assert self._pipeline is not None
        queues = await asyncio.to_thread(self._pipeline.queues.look)
        self._troubles = [each.trouble for each in queues if each.trouble and not each.stands]
        return "; ".join(each.trouble for each in queues if each.stands)

    def degraded(self) -> Sequence[str]:
        """Destinations that take nothing, as `ready` found them."""
        return self._troubles

    async def receive(self, request: Request) -> bool:
        """Verify and record what the gate has let in; whether it was new. Raises _Refused."""
        settings, headers = self._settings, request.headers
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        # A web page can't send this one across origins unasked, so none can forge an alert.
        if content_type != "application/json" or headers.get("content-encoding"):
            raise _Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "send Content-Type application/json, not compressed",
            )
        try:
            body = await _read(request, settings.alerting_max_body_bytes)
            check_body(headers, body, settings)
            notification = read_notification(body)
            new = await self._on_disk(lambda: self._store(notification, body))
        except SignatureError as error:
            raise _Refused(HTTPStatus.UNAUTHORIZED, str(error)) from error
        except BodyError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        except SpoolError as error:
            log.error("a notification was refused: %s", error)
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        self.telemetry.notifications.labels(notification.status, str(new).lower()).inc()
        if new and notification.truncated_alerts:
            log.warning(
                "Grafana left %d alerts out of a notification; set the contact point's maximum of"
                " alerts to 0",
                notification.truncated_alerts,
            )
        if self._pipeline is not None:
            self._pipeline.wake()
        if new:
            log.info(
                "%s: %d alerts, %s",
                notification.status,
                len(notification.alerts) + notification.truncated_alerts,
                notification.title or notification.group_key,
            )
        return new

    def _store(self, notification: Notification, body: bytes) -> bool:
        assert self._spool is not None
        now = time.time_ns() // 1_000_000
        new = self._spool.add(notification.content_key, body, now, notification.group)
        if now - self._forgotten_at > _DAY_MS:
            self._spool.forget(now - self._settings.retention_days * _DAY_MS)
            self._forgotten_at = now
        self.telemetry.spooled.set(self._spool.count())
        return new

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


def create_app(
    settings: AlertingSettings,
    connecting: Callable[[], Client] | None = None,
    keys: Keys | None = None,
    audit: Audit | None = None,
) -> ServiceApp:
    """The service as an ASGI application; its lifespan opens and closes the spool.
    ``app.state.registry`` has its metrics. ``connecting``: a ClickHouse client for one alert,
    where other services are in the process. ``keys``: of projects. ``audit``: told of what is done.

    Raises RoutesError, RootsError and PlaybookError for files that can't be used.
    """
    service = _Service(
        settings, connecting or (lambda: _server(settings)), alone=connecting is None
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    def not_allowed(caller: Caller, refused: NotAllowed) -> Response:
        if caller.path != WEBHOOK:
            return refuse(caller, refused)
        service.telemetry.requests.labels(int(refused.status)).inc()
        return _refuse(_Refused(refused.status, str(refused)))

    app = ServiceApp(
        AlertingGate(settings, keys),
        ready=service.ready,
        degraded=service.degraded,
        registries=(service.telemetry.registry,),
        refuse=not_allowed,
        lifespan=lifespan,
        audit=audit,
        unaudited=frozenset((WEBHOOK,)),
    )
    app.include_router(router(service.routes, lambda: service.store))
    app.state.registry = service.telemetry.registry

    @app.post(WEBHOOK)
    async def grafana(request: Request) -> Response:
        """Grafana's webhook contact point. 202 once the notification is on disk."""
        response: Response
        try:
            new = await service.receive(request)
            response = JSONResponse({"recorded": True, "new": new}, HTTPStatus.ACCEPTED)
        except _Refused as refused:
            response = _refuse(refused)
        except ClientDisconnect:
            response = Response(status_code=499)
        service.telemetry.requests.labels(response.status_code).inc()
        return response

    return app


def _server(settings: AlertingSettings) -> Client:
    if settings.embedded:
        raise NoServerError(
            "the embedded engine is for one process, `everyspan up`; set EVERYSPAN_CLICKHOUSE_DSN"
        )
    # Whoever waits for an answer on the socket is one of few workers.
    seconds = settings.enrich_seconds
    return connect(settings.dsn, connect_timeout=seconds, send_receive_timeout=seconds)


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdigit() else 0
    parts: list[bytes] = []
    if size <= limit:
        size = 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > limit:
                break
    if size > limit:
        raise _Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body is over {limit} bytes; set the contact point's maximum of alerts, or raise "
            "EVERYSPAN_ALERTING_MAX_BODY_BYTES",
        )
    return b"".join(parts)


def _refuse(refused: _Refused) -> Response:
    headers = {}
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry-after"] = str(_RETRY_SECONDS)
    if refused.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNAUTHORIZED):
        # The rest of the body is not read.
        headers["connection"] = "close"
    return JSONResponse({"error": str(refused)}, refused.status, headers)
