"""The ASGI application: routes, limits on the number of readers, answers and errors.

Routes: ``/`` (queries; GET without one answers "Ok."), ``/ping``, ``/replicas_status``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from clickhouse.embedded_http import handshake, settings
from clickhouse.embedded_http.access import ReaderGate
from clickhouse.embedded_http.compression import encode
from clickhouse.embedded_http.engine import Engine, Result
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.guard import Guard, Statement
from clickhouse.embedded_http.request import Question, read_question
from clickhouse.embedded_http.settings import Limits
from service.caller import Caller

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)

# clickhouse-connect asks this at the start and from then on sends only settings that it may write.
_SETTINGS_QUESTION = re.compile(
    r"SELECT name, value, readonly(?: AS readonly)? FROM system\.settings( LIMIT \d+)?"
)
# Seconds past the engine's own time limit until a statement is killed from outside.
_GRACE_SECONDS = 5.0
# Longer statements are not kept among the checked ones.
_MAX_CACHED_CHARS = 8192


def create_app(
    path: str,
    *,
    database: str = "everyspan",
    user: str = "default",
    password: str = "",
    allowed_hosts: Collection[str] = (),
    max_execution_seconds: float = 60.0,
    max_result_bytes: int = 256 << 20,
    max_memory_bytes: int = 2 << 30,
    max_request_bytes: int = 1 << 20,
    max_concurrent_queries: int = 8,
    max_waiting_queries: int = 128,
    max_waiting_seconds: float = 30.0,
) -> ReaderApp:
    """Serve the chDB directory ``path`` read-only over ClickHouse's HTTP interface.

    ``database`` is the current one where a client names none (or ``default``, which in chDB is an
    overlay of the file system). ``allowed_hosts``: names, beside localhost, that a Host header may
    hold where there is no password. At most ``max_concurrent_queries`` run and
    ``max_waiting_queries`` wait, for ``max_waiting_seconds`` each; the next gets 503
    (TOO_MANY_SIMULTANEOUS_QUERIES) with Retry-After.
    """
    limits = Limits(max_execution_seconds, max_result_bytes, max_memory_bytes)
    return ReaderApp(
        Engine(path, limits),
        ReaderGate(user, password, frozenset(host.lower() for host in allowed_hosts)),
        database=database,
        max_request_bytes=max_request_bytes,
        max_execution_seconds=max_execution_seconds,
        turnstile=_Turnstile(max_concurrent_queries, max_waiting_queries, max_waiting_seconds),
    )


class _Disconnected(Exception):
    """The client went away before its answer was ready."""


@dataclass(slots=True, frozen=True)
class _Run:
    """One execution. The tag is ours alone: with a client's query_id one could stop another's."""

    tag: str = field(default_factory=lambda: str(uuid.uuid4()))
    stopped: threading.Event = field(default_factory=threading.Event)


class _Turnstile:
    """A bounded number of statements at once, in threads of their own, and a bounded queue."""

    def __init__(self, running: int, waiting: int, seconds: float) -> None:
        self.threads = ThreadPoolExecutor(running, thread_name_prefix="clickhouse-http")
        self._free = running
        self._room = waiting
        self._seconds = seconds
        self._changed = asyncio.Condition()

    async def enter(self) -> None:
        """Take a place. Raises QueryRefused (202) when there is none in time."""
        async with self._changed:
            if self._free == 0:
                if self._room == 0:
                    raise QueryRefused(202, "Too many simultaneous queries; try again later")
                self._room -= 1
                try:
                    await asyncio.wait_for(
                        self._changed.wait_for(lambda: self._free > 0), self._seconds
                    )
                except TimeoutError as error:
                    raise QueryRefused(
                        202, f"Too many simultaneous queries: none ended in {self._seconds:g} s"
                    ) from error
                finally:
                    self._room += 1
            self._free -= 1

    async def leave(self) -> None:
        async with self._changed:
            self._free += 1
            self._changed.notify()


class ReaderApp:
    """The application. ``gate``: who may ask."""

    def __init__(
        self,
        engine: Engine,
        gate: ReaderGate,
        *,
        database: str,
        max_request_bytes: int,
        max_execution_seconds: float,
        turnstile: _Turnstile,
    ) -> None:
        self._engine = engine
        self.gate = gate
        self._database = database
        self._max_request_bytes = max_request_bytes
        self._max_execution_seconds = max_execution_seconds
        self._turnstile = turnstile
        self._leaving: set[asyncio.Task[None]] = set()
        # Dashboards repeat their statements. The verdict depends on the text alone.
        self._checked = lru_cache(maxsize=256)(self._check)
        self._guard: Guard | None = None

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
                await send({"type": "lifespan.startup.complete"})
            else:
                self._turnstile.threads.shutdown(wait=False, cancel_futures=True)
                await asyncio.to_thread(self._engine.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        caller = Caller.of(scope)
        headers = {name: _header_text(value) for name, value in caller.headers.items()}
        url = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        method, route = scope["method"], scope["path"]
        question: Question | None = None
        try:
            self.gate.check(replace(caller, headers=headers))
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
            if route != "/":
                await _answer(send, 404, b"There is no such page; queries go to /\n", {})
                return
            if method != "POST" and not url.get("query"):
                await _answer(send, 200, b"Ok.\n", {})
                return
            body = await self._body(headers, receive)
            question = read_question(url, headers, body, self._max_request_bytes)
            result, format_name, content_type = await self._query(question, receive)
        except _Disconnected:
            return
        except QueryRefused as error:
            await self._refuse(send, error, question)
            return
        except Exception as error:
            log.exception("query failed for a reason of our own")
            await self._refuse(send, QueryRefused(1002, f"internal error: {error}"), question)
            return
        answer, coding = result.data, ""
        if question.compress:
            answer, coding = await asyncio.to_thread(
                encode, result.data, headers.get("accept-encoding", "")
            )
        extra = {
            "content-type": content_type,
            "x-clickhouse-format": format_name,
            "x-clickhouse-query-id": question.query_id,
            "x-clickhouse-timezone": self._engine.timezone,
            "x-clickhouse-server-display-name": handshake.DISPLAY_NAME,
            "x-clickhouse-summary": _summary(result),
            "vary": "accept-encoding",
        }
        if coding:
            extra["content-encoding"] = coding
        await _answer(send, 200, answer, extra, head=method == "HEAD")

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_request_bytes:
                raise QueryRefused(229, f"the body is over {self._max_request_bytes} bytes")
            if not message.get("more_body"):
                return b"".join(parts)

    async def _query(self, question: Question, receive: Receive) -> tuple[Result, str, str]:
        """Run the question in a thread, and stop it when the client goes away."""
        await self._turnstile.enter()
        loop = asyncio.get_running_loop()
        run = _Run()
        work = loop.run_in_executor(self._turnstile.threads, self._execute, question, run)
        work.add_done_callback(self._leave)
        gone = asyncio.ensure_future(_disconnected(receive))
        waited: set[asyncio.Future[Any]] = {work, gone}
        try:
            done, _ = await asyncio.wait(
                waited,
                timeout=self._max_execution_seconds + _GRACE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            gone.cancel()
            if not work.done():
                # The place is given up only when the engine has really stopped.
                run.stopped.set()
                loop.run_in_executor(None, self._engine.kill, run.tag)
        if work in done:
            return work.result()
        if gone in done:
            raise _Disconnected
        raise QueryRefused(159, f"Timeout exceeded: {self._max_execution_seconds:g} seconds")

    def _leave(self, work: asyncio.Future[Any]) -> None:
        if not work.cancelled():
            work.exception()  # Nobody may be waiting for it any more.
        task = asyncio.ensure_future(self._turnstile.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _execute(self, question: Question, run: _Run) -> tuple[Result, str, str]:
        engine = self._engine
        if not question.sql.strip():
            raise QueryRefused(62, "Empty query")
        params = tuple(sorted(question.params.items())) if "{" in question.sql else ()
        check = self._checked if len(question.sql) <= _MAX_CACHED_CHARS else self._check
        statement = check(question.sql, params)
        wanted: dict[str, str] = {}
        for name, value in question.settings.items():
            wanted |= self._gate().check_setting(name, value)
        wanted |= statement.settings
        asked = statement.format or question.default_format
        if asked.lower() not in engine.formats:
            raise QueryRefused(73, f"Unknown format {asked}")
        format_name, content_type = engine.formats[asked.lower()]
        sql = statement.sql
        if sql == handshake.QUESTION:
            if handshake.needs_block(question.protocol_version, format_name):
                data = handshake.block(engine.version, engine.timezone)
                return Result(data, 1, len(data), 0.0), format_name, content_type
            sql = handshake.PLAIN_ANSWER
        elif found := _SETTINGS_QUESTION.fullmatch(sql):
            sql = (
                f"SELECT name, value, toUInt8(NOT match(name, {settings.quote(settings.WRITABLE)}))"
                f" AS readonly FROM system.settings{found[1] or ''}"
            )
        if run.stopped.is_set():
            raise _Disconnected
        result = engine.run(
            sql,
            format_name,
            database=self._current_database(question.database),
            params=dict(params),
            settings=wanted,
            tag=run.tag,
        )
        return result, format_name, content_type

    def _check(self, sql: str, params: tuple[tuple[str, str], ...]) -> Statement:
        return self._gate().check(sql, dict(params))

    def _gate(self) -> Guard:
        if self._guard is None:
            engine = self._engine
            self._guard = Guard(engine.canonical, engine.syntax_tree, engine.table_functions)
        return self._guard

    def _current_database(self, asked: str) -> str:
        if asked == "system":
            raise QueryRefused(497, "name tables of 'system' in full: system.tables")
        return self._database if asked in ("", "default") else asked

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


def _summary(result: Result) -> str:
    return json.dumps(
        {
            "read_rows": str(result.rows_read),
            "read_bytes": str(result.bytes_read),
            "written_rows": "0",
            "written_bytes": "0",
            "elapsed_ns": str(int(result.seconds * 1e9)),
        }
    )
