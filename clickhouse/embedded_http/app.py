"""The ASGI application: routes, answers and errors.

Routes: ``/`` (queries; GET without one answers "Ok."), ``/ping``, ``/replicas_status``,
``/readyz``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from clickhouse.embedded_http import handshake
from clickhouse.embedded_http.access import ReaderGate
from clickhouse.embedded_http.compression import encode
from clickhouse.embedded_http.engine import Engine, Result
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.execution import Disconnected, Execution
from clickhouse.embedded_http.places import Places
from clickhouse.embedded_http.request import Question, read_question
from clickhouse.embedded_http.settings import Limits
from clickhouse.projects.keyring import Keyring
from service.caller import Caller
from service.health import readiness

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)

# Seconds that the engine has to answer SELECT 1.
_READY_SECONDS = 2.0


def create_app(
    path: str,
    *,
    database: str = "everyspan",
    user: str = "default",
    password: str = "",
    allowed_hosts: Collection[str] = (),
    max_execution_seconds: float = 60.0,
    max_result_bytes: int = 256 << 20,
    max_memory_bytes: int = 1 << 30,
    max_request_bytes: int = 1 << 20,
    max_concurrent_queries: int = 8,
    max_waiting_queries: int = 128,
    max_waiting_seconds: float = 30.0,
    guaranteed_seconds: float = 5.0,
    hidden: Collection[str] = (),
) -> App:
    """Serve the chDB engine ``path`` read-only over ClickHouse's HTTP interface.

    ``database`` is the current one where a client names none (or ``default``, which in chDB is an
    overlay of the file system). ``allowed_hosts``: names, beside localhost, that a Host header may
    hold where there is no password. At most ``max_concurrent_queries`` run and
    ``max_waiting_queries`` wait, for ``max_waiting_seconds`` each; the next gets 503
    (TOO_MANY_SIMULTANEOUS_QUERIES) with Retry-After. One that has run for ``guaranteed_seconds`` is
    stopped when others wait. ``hidden``: texts, such as paths, that no error may show.
    """
    limits = Limits(max_execution_seconds, max_result_bytes, max_memory_bytes)
    engine = Engine(path, limits, hidden)
    keys = Keyring(lambda: engine.keys(database))
    places = Places(
        max_concurrent_queries, max_waiting_queries, max_waiting_seconds, guaranteed_seconds
    )
    return App(
        engine,
        Execution(engine, places, database),
        ReaderGate(user, password, frozenset(host.lower() for host in allowed_hosts), keys),
        max_request_bytes=max_request_bytes,
        keys=keys,
    )


class App:
    """``execution`` tells what runs, and when this process should be replaced; ``gate``: who may
    ask."""

    def __init__(
        self,
        engine: Engine,
        execution: Execution,
        gate: ReaderGate,
        *,
        max_request_bytes: int,
        keys: Keyring | None = None,
    ) -> None:
        self.keys = keys
        self._engine = engine
        self.execution = execution
        self.gate = gate
        self._max_request_bytes = max_request_bytes

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await asyncio.to_thread(self._engine.open)
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                if self.keys is not None:
                    self.keys.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                # The engine is left as it is: to close it would be to wait for what runs.
                self.execution.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        caller = Caller.of(scope)
        headers = {name: _header_text(value) for name, value in caller.headers.items()}
        url = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        method, route = scope["method"], scope["path"]
        question: Question | None = None
        try:
            who = self.gate.check(replace(caller, headers=headers))
        except QueryRefused as error:
            # Strangers cost the engine nothing, and are not told its version.
            await _answer_error(send, error, "unknown", None)
            return
        try:
            if method not in ("GET", "HEAD", "POST"):
                await _answer(
                    send, 405, b"only GET, HEAD and POST are served\n", {"allow": "GET, HEAD, POST"}
                )
                return
            if route in ("/ping", "/replicas_status"):
                await _answer(send, 200, b"Ok.\n", {})
                return
            if route == "/readyz":
                await self._readyz(send)
                return
            if route != "/":
                await _answer(send, 404, b"There is no such page; queries go to /\n", {})
                return
            if method != "POST" and not url.get("query"):
                await _answer(send, 200, b"Ok.\n", {})
                return
            body = await self._body(headers, receive)
            asked = read_question(url, headers, body, self._max_request_bytes)
            question = replace(asked, project=who.project)
            gone = asyncio.ensure_future(_disconnected(receive))
            try:
                answered = await self.execution.answer(question, gone)
            finally:
                gone.cancel()
        except Disconnected:
            return
        except QueryRefused as error:
            await self._refuse(send, error, question)
            return
        except Exception:
            log.exception("query failed for a reason of our own")
            await self._refuse(send, QueryRefused(1002, "internal error; the log has it"), question)
            return
        data, coding = answered.result.data, ""
        if question.compress:
            data, coding = await asyncio.to_thread(encode, data, headers.get("accept-encoding", ""))
        extra = {
            "content-type": answered.content_type,
            "x-clickhouse-format": answered.format_name,
            "x-clickhouse-query-id": question.query_id,
            "x-clickhouse-timezone": self._engine.timezone,
            "x-clickhouse-server-display-name": handshake.DISPLAY_NAME,
            "x-clickhouse-summary": _summary(answered.result, told=who.project is None),
            "vary": "accept-encoding",
        }
        if coding:
            extra["content-encoding"] = coding
        await _answer(send, 200, data, extra, head=method == "HEAD")

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_request_bytes:
                raise QueryRefused(229, f"the body is over {self._max_request_bytes} bytes")
            if not message.get("more_body"):
                return b"".join(parts)

    async def _readyz(self, send: Send) -> None:
        """Whether a statement would be answered now."""
        reason = ""
        if self.execution.lost.is_set():
            reason = "a statement does not end; readers are being replaced"
        else:
            try:
                async with asyncio.timeout(_READY_SECONDS):
                    await asyncio.to_thread(self._engine.ping)
            except (QueryRefused, TimeoutError) as error:
                reason = f"the engine does not answer: {error}"
        # Whoever comes here has passed the gate.
        status, text = readiness(reason)
        await _answer(send, status, text.encode(), {})

    async def _refuse(self, send: Send, error: QueryRefused, question: Question | None) -> None:
        try:
            version = await asyncio.to_thread(lambda: self._engine.version)
        except QueryRefused:
            version = "unknown"
        await _answer_error(send, error, version, question)


async def _answer_error(
    send: Send, error: QueryRefused, version: str, question: Question | None
) -> None:
    extra = {
        "content-type": "text/plain; charset=UTF-8",
        "x-clickhouse-exception-code": str(error.code),
        "x-clickhouse-server-display-name": handshake.DISPLAY_NAME,
    }
    if question is not None:
        extra["x-clickhouse-query-id"] = question.query_id
    if error.status == 503:
        extra["retry-after"] = "1"
    # The rest of an unread body would be taken for the next request.
    if error.code == 229:
        extra["connection"] = "close"
    await _answer(send, error.status, error.body(version), extra)


def _header_text(value: str) -> str:
    # Passwords come as UTF-8 from most clients and as Latin-1 from those that follow the letter.
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError:
        return value


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(
    send: Send, status: int, body: bytes, extra: Mapping[str, str], *, head: bool = False
) -> None:
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "content-length": str(len(body)),
        # Results hold what users and models wrote: a browser must never run it.
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "no-store",
        **extra,
    }
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(k.encode(), v.encode("latin-1", "replace")) for k, v in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else body})


def _summary(result: Result, *, told: bool) -> str:
    """``told``: how much was read, which depends on what other projects have."""
    return json.dumps(
        {
            "read_rows": str(result.rows_read if told else 0),
            "read_bytes": str(result.bytes_read if told else 0),
            "written_rows": "0",
            "written_bytes": "0",
            "elapsed_ns": str(int(result.seconds * 1e9)),
        }
    )
