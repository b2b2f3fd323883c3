"""Keeps a reader process behind a listening socket, and replaces one that is stuck or gone.

The socket stays open here, so connections wait while readers change. Nothing that a reader does
reaches the engine, the memory or the interpreter of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from clickhouse.embedded_http.access import ReaderGate
from clickhouse.embedded_http.mirror import LAG_SECONDS, read_schema, read_views, read_walls
from clickhouse.embedded_http.reader import Orders
from clickhouse.embedded_http.walls import Wall
from clickhouse.refused_writes import all_tables, reloads

log = logging.getLogger(__name__)

# All readers together, result buffers aside; at most a quarter of the machine.
_MEMORY_BYTES = 2 << 30
# Beyond the engine's own limit: code, buffers, answers on their way.
_SPARE_BYTES = 1 << 30
# Readers tell how it goes each second. Silence of this length is a hang.
_SILENCE_SECONDS = 15.0
# Time to finish for a reader that leaves, and for one when this process ends.
_LEAVE_SECONDS = 10.0
_STOP_SECONDS = 2.5
# A reader that lives shorter than this is not started again at once.
_SHORT_LIFE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 10.0
# Time to begin to answer; twice as long for each that did not make it, on a machine that is busy.
_START_SECONDS = 30.0
_LONGEST_START_SECONDS = 600.0
# One that begins and uses no processor for so long will not begin: the engine has been seen to wait
# for itself while it loads its tables, about once in a hundred starts.
_IDLE_START_SECONDS = 8.0
# What of the environment a reader needs. The rest may hold secrets.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


KeyUsed = Callable[[list[str]], None]


def _nobody_asks(_: list[str]) -> None:
    """Nothing is noted."""


class ReaderProcess:
    """``engine``: the string by which this process's chDB knows its open engine. ``user``,
    ``password``, ``allowed_hosts`` and ``app``: options of ``app.create_app``. ``start_seconds``:
    what the first reader may take until it answers. ``lag_seconds``: how old what readers see may
    be. ``key_used``: told which projects' keys were used."""

    def __init__(
        self,
        engine: str,
        *,
        user: str = "default",
        password: str = "",
        allowed_hosts: Collection[str] = (),
        start_seconds: float = _START_SECONDS,
        lag_seconds: float = LAG_SECONDS,
        key_used: KeyUsed | None = None,
        **app: Any,
    ) -> None:
        self._lag_seconds = lag_seconds
        self._key_used = key_used or _nobody_asks
        self._start_seconds = start_seconds
        self.gate = ReaderGate(user, password, frozenset(allowed_hosts))
        self._engine = engine
        self._app = app | {
            "user": user,
            "password": password,
            "allowed_hosts": sorted(allowed_hosts),
        }
        self._directory = Path(engine.partition("?")[0]) / "reader"
        self._memory = _memory_bytes()
        self._app.setdefault("max_memory_bytes", self._memory // 2)
        self._numbers = itertools.count()
        self._children: set[_Child] = set()
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.metrics = Telemetry()

    async def start(self, listener: socket.socket) -> None:
        """Begin to answer what connects to ``listener``; back when the first reader does."""
        shutil.rmtree(self._directory, ignore_errors=True)
        self._task = asyncio.create_task(self._keep(listener))
        try:
            async with asyncio.timeout(self._start_seconds):
                await self._ready.wait()
        except TimeoutError:
            log.warning("ClickHouse HTTP does not answer yet; the rest starts without it")

    async def stop(self) -> None:
        """End the readers. Safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await asyncio.gather(*(child.end(_STOP_SECONDS) for child in list(self._children)))
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _keep(self, listener: socket.socket) -> None:
        failures = 0
        start_seconds = self._start_seconds
        while True:
            started = time.monotonic()
            try:
                child = await self._begin(listener, start_seconds)
                reason = await child.until_replaced(self._ready)
            except (OSError, RuntimeError) as error:
                reason = f"could not be started: {error}"
            else:
                late = 1 if child.answered else 2
                start_seconds = min(start_seconds * late, _LONGEST_START_SECONDS)
            short = time.monotonic() - started < _SHORT_LIFE_SECONDS
            failures = failures + 1 if short else 0
            pause = min(0.25 * 2**failures, _LONGEST_PAUSE_SECONDS) if failures > 1 else 0.0
            self.metrics.replaced.labels(reason.split(":")[0]).inc()
            log.warning("the reader %s; the next one starts in %g s", reason, pause)
            await asyncio.sleep(pause)

    async def _begin(self, listener: socket.socket, start_seconds: float) -> _Child:
        # chDB raises RuntimeError.
        schema, walls, known = await asyncio.to_thread(self._schema)
        directory = self._directory / str(next(self._numbers))
        orders = Orders(
            self._engine,
            str(directory),
            schema,
            walls,
            self._memory,
            listener.fileno(),
            self._app,
        )
        largest = self._memory + _SPARE_BYTES
        child = await _Child.start(
            orders, self.metrics, largest, start_seconds, known, self._key_used
        )
        self._children.add(child)
        child.watching.add_done_callback(lambda _: self._children.discard(child))
        return child

    def _schema(self) -> tuple[list[str], list[Wall], int]:
        """The reader's tables, and the state of the writer's that they show. None may be missing: a
        reader lives long."""
        with all_tables(self._engine.partition("?")[0]) as known:
            ours = str(self._app.get("database", "everyspan"))
            schema = read_schema(self._engine, self._lag_seconds)
            return schema + read_views(self._engine, ours), read_walls(self._engine, ours), known


class _Child:
    """One process, from its start to its end."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        orders: Orders,
        metrics: Telemetry,
        largest: int,
        start_seconds: float,
        known_reloads: int,
        key_used: KeyUsed,
    ) -> None:
        self._key_used = key_used
        self._process = process
        self._start_seconds = start_seconds
        self._orders = orders
        self._metrics = metrics
        self._largest = largest
        self._seen: dict[str, int] = {}
        self._used, self._used_at = -1, time.monotonic()
        self._known_reloads = known_reloads
        self._ready = asyncio.Event()
        self._replace: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.watching = asyncio.create_task(self._watch())

    @classmethod
    async def start(
        cls,
        orders: Orders,
        metrics: Telemetry,
        largest: int,
        start_seconds: float,
        known: int,
        key_used: KeyUsed,
    ) -> _Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "clickhouse.embedded_http.reader",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[orders.listener],
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(orders.line())
            await process.stdin.drain()
        return cls(process, orders, metrics, largest, start_seconds, known, key_used)

    @property
    def answered(self) -> bool:
        """Whether it ever did."""
        return self._ready.is_set()

    async def until_replaced(self, ready: asyncio.Event) -> str:
        """Wait until another one should take over; why. ``ready`` is set once this one answers."""
        answering = asyncio.create_task(self._ready.wait())
        waited: set[asyncio.Future[Any]] = {answering, self._replace}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            ready.set()
        answering.cancel()
        return await self._replace

    async def end(self, seconds: float) -> None:
        """SIGTERM, and after so many seconds SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await asyncio.wait({self.watching}, timeout=seconds)
        if not self.watching.done():
            self._kill()
            await asyncio.wait({self.watching})

    async def _watch(self) -> None:
        assert self._process.stdout is not None
        leaving = False
        until = time.monotonic() + self._start_seconds
        while True:
            left = until - time.monotonic()
            try:
                async with asyncio.timeout(left if self.answered else min(left, 1.0)):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                if not self.answered and time.monotonic() < until and not self._is_idle():
                    continue
                self._say(
                    "took too long to leave"
                    if leaving
                    else "did not answer any more"
                    if self.answered
                    else f"did not begin to answer: it had {self._start_seconds:g} s"
                    if time.monotonic() >= until
                    else f"waits for itself: it did nothing for {_IDLE_START_SECONDS:g} s"
                )
                break
            if not line:
                # It ends by itself: to signal it now would reap it behind the loop's back.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), 1.0)
                break
            state = json.loads(line)
            self._count(state)
            if state["used_keys"]:
                self._key_used(state["used_keys"])
            if state["leaving"] and not leaving:
                leaving = True
                until = time.monotonic() + _LEAVE_SECONDS
                self._say("has a statement that does not end")
            elif state["ready"] and not leaving:
                self._ready.set()
                until = time.monotonic() + _SILENCE_SECONDS
            if reloads(self._orders.store) != self._known_reloads:
                self._say("holds parts that the writer put aside")
                break
            if (size := _resident_bytes(self._process.pid)) > self._largest:
                self._say(f"grew too large: {size >> 20} MiB")
                break
        if self._process.returncode is None:
            self._kill()
        status = await self._process.wait()
        self._metrics.running.set(0)
        self._metrics.waiting.set(0)
        self._say(f"ended: status {status}")
        shutil.rmtree(self._orders.directory, ignore_errors=True)

    def _is_idle(self) -> bool:
        """Whether the process has used no processor for a while."""
        used, now = _processor_ticks(self._process.pid), time.monotonic()
        if used != self._used:
            self._used, self._used_at = used, now
        return now - self._used_at > _IDLE_START_SECONDS

    def _say(self, reason: str) -> None:
        if not self._replace.done():
            self._replace.set_result(reason)

    def _count(self, state: dict[str, Any]) -> None:
        if not state["leaving"]:
            self._metrics.running.set(state["running"])
            self._metrics.waiting.set(state["waiting"])
        for name, total in state["counts"].items():
            new = total - self._seen.get(name, 0)
            self._seen[name] = total
            if name == "lost":
                self._metrics.lost.inc(new)
            else:
                self._metrics.statements.labels(name).inc(new)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


class Telemetry:
    """What readers do, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.statements = Counter(
            "everyspan_clickhouse_statements_total",
            "Statements on the embedded engine's port by outcome: answered, refused, busy, timeout,"
            " failed, disconnected.",
            ["outcome"],
            registry=self.registry,
        )
        self.lost = Counter(
            "everyspan_clickhouse_places_lost_total",
            "Statements that did not end when they were stopped; their process was replaced.",
            registry=self.registry,
        )
        self.replaced = Counter(
            "everyspan_clickhouse_readers_replaced_total",
            "Reader processes that were replaced, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.running = Gauge(
            "everyspan_clickhouse_statements_running",
            "Statements that run now.",
            registry=self.registry,
        )
        self.waiting = Gauge(
            "everyspan_clickhouse_statements_waiting",
            "Statements that wait for a place.",
            registry=self.registry,
        )


def _memory_bytes() -> int:
    return min(_MEMORY_BYTES, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)


def _processor_ticks(pid: int) -> int:
    """User and system time, in the kernel's ticks; -1 where nobody says."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return int(fields[11]) + int(fields[12])


def _resident_bytes(pid: int) -> int:
    """Anonymous memory; the engine's code is shared with this process. 0 where nobody says."""
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
