"""Gathers the rows of many requests into few inserts, and tells each request when it is stored.

ClickHouse takes a batch of thousands of rows nearly as fast as one row. A batch is inserted as soon
as it is due by rows or bytes, when it is ``age`` seconds old, or when every request in the house is
in it already and it is worth a part of its own: then there is nobody left to wait for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from clickhouse_connect.driver.exceptions import DatabaseError

from ingest.prepare import Prepared
from ingest.refusal import Refusal, Refused
from ingest.telemetry import Telemetry

log = logging.getLogger(__name__)

# Fewer rows than this wait for their age: many small parts cost more than they save.
_WORTH_A_PART = 500
_THREADS = 2
_RETRY_SECONDS = 2
# ClickHouse's codes for data that it can't read; anything else (too many parts, no memory, no
# space, no connection) may go well the next time.
# https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
_ROWS_AT_FAULT = frozenset({6, 27, 32, 33, 50, 53, 69, 70, 117, 131, 321, 349})


class Inserts(Protocol):
    """Where the blocks go: see ``ingest.storage.Storage``."""

    def insert(self, table: str, blocks: Sequence[bytes]) -> None: ...
    def forget(self) -> None: ...


@dataclass(slots=True)
class _Waiting:
    rows: int
    size: int
    blocks: list[bytes]
    stored: asyncio.Future[None]


@dataclass(slots=True)
class _Batch:
    waiting: deque[_Waiting] = field(default_factory=deque)
    rows: int = 0
    bytes: int = 0
    timer: asyncio.TimerHandle | None = None

    def add(self, waiting: _Waiting) -> None:
        self.waiting.append(waiting)
        self.rows += waiting.rows
        self.bytes += waiting.size

    def take(self, rows: int, bytes_: int) -> list[_Waiting]:
        """From the front, within both limits; a large one alone."""
        taken = _Batch()
        while self.waiting:
            first = self.waiting[0]
            within = taken.rows + first.rows <= rows and taken.bytes + first.size <= bytes_
            if taken.waiting and not within:
                break
            taken.add(self.waiting.popleft())
        self.rows -= taken.rows
        self.bytes -= taken.bytes
        return list(taken.waiting)


class Writer:
    """Lives on one event loop; inserts run in threads."""

    def __init__(
        self,
        storage: Inserts,
        telemetry: Telemetry,
        *,
        rows: int,
        bytes_: int,
        age: float,
        timeout: float,
    ) -> None:
        self._storage = storage
        self._telemetry = telemetry
        self._due_rows = rows
        self._due_bytes = bytes_
        self._age = age
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="insert")
        self._batches: dict[str, _Batch] = {}
        self._inserting: set[asyncio.Task[None]] = set()
        #: The error of the last insert, where it was not for its rows; when (monotonic).
        self.failing: tuple[Exception, float] | None = None
        #: Asked before a batch is inserted early: requests in the house that will still submit.
        self.coming: Callable[[], int] = lambda: 0

    async def store(self, prepared: Prepared) -> None:
        """``submit`` and ``wait``."""
        await self.wait(self.submit(prepared))

    def submit(self, prepared: Prepared) -> asyncio.Future[None]:
        """Put the rows into an insert. The future ends when ClickHouse has them, or with Refused
        (503, or 500 when it refuses these rows while it takes others), and their memory is free."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        if not prepared.rows:
            stored.set_result(None)
            return stored
        table = prepared.table
        batch = self._batches.setdefault(table, _Batch())
        batch.add(_Waiting(prepared.rows, prepared.size, prepared.blocks, stored))
        if batch.timer is None:
            batch.timer = loop.call_later(self._age, self._flush, table)
        if batch.rows >= self._due_rows or batch.bytes >= self._due_bytes:
            self._flush(table)
        else:
            self.nobody_to_wait_for(table)
        return stored

    async def wait(self, stored: asyncio.Future[None]) -> None:
        """Returns when ClickHouse has the rows. Raises Refused, also when it takes too long."""
        try:
            # The insert goes on without us: if it succeeds after all, the retry replaces its rows.
            await asyncio.wait_for(asyncio.shield(stored), self._timeout)
        except TimeoutError as error:
            raise Refused(
                Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    f"ClickHouse has not stored the batch within {self._timeout:g} s; send again",
                    _RETRY_SECONDS,
                )
            ) from error

    def nobody_to_wait_for(self, table: str) -> None:
        """Insert early when no request is on its way and the batch is worth it."""
        batch = self._batches.get(table)
        idle = len(self._inserting) < _THREADS and not self.coming()
        if batch is not None and idle and batch.rows >= _WORTH_A_PART:
            self._flush(table)

    async def close(self) -> None:
        """Insert what waits, then stop."""
        for table in list(self._batches):
            self._flush(table)
        while self._inserting:
            await asyncio.gather(*self._inserting, return_exceptions=True)
            for table in list(self._batches):
                self._flush(table)
        self._threads.shutdown()

    def _flush(self, table: str) -> None:
        batch = self._batches.get(table)
        # While all threads are busy, gather on; the next one to end takes the batch.
        while batch is not None and batch.waiting and len(self._inserting) < _THREADS:
            part = batch.take(self._due_rows, self._due_bytes)
            task = asyncio.ensure_future(self._insert(table, part))
            self._inserting.add(task)
            task.add_done_callback(self._next)
        if batch is not None and not batch.waiting:
            del self._batches[table]
            if batch.timer is not None:
                batch.timer.cancel()

    def _next(self, task: asyncio.Task[None]) -> None:
        self._inserting.discard(task)
        now = asyncio.get_running_loop().time()
        for table, batch in list(self._batches.items()):
            late = batch.timer is not None and batch.timer.when() <= now
            if late or batch.rows >= self._due_rows or batch.bytes >= self._due_bytes:
                self._flush(table)
            else:
                self.nobody_to_wait_for(table)

    async def _insert(self, table: str, part: list[_Waiting]) -> None:
        error = await self._try(table, part)
        if error is None or not _rows_at_fault(error) or len(part) == 1:
            for waiting in part:
                _tell(waiting, error)
            return
        # Somebody's rows are at fault: nobody else may suffer for them.
        while part:
            waiting = part.pop()
            _tell(waiting, await self._try(table, [waiting]))

    async def _try(self, table: str, waiting: Sequence[_Waiting]) -> Exception | None:
        loop = asyncio.get_running_loop()
        blocks = [block for w in waiting for block in w.blocks]
        rows = sum(w.rows for w in waiting)
        try:
            seconds, cpu = await loop.run_in_executor(
                self._threads, self._insert_now, table, blocks
            )
        except Exception as error:
            self._telemetry.insert_errors.inc()
            log.warning("insert of %d rows into %s failed: %s", rows, table, error)
            if not _rows_at_fault(error):
                self.failing = error, time.monotonic()
            return error
        self.failing = None
        self._telemetry.insert_seconds.observe(seconds)
        self._telemetry.insert_rows.observe(rows)
        self._telemetry.stage_seconds.labels("insert").inc(cpu)
        self._telemetry.stored.labels(table).inc(rows)
        return None

    def _insert_now(self, table: str, blocks: Sequence[bytes]) -> tuple[float, float]:
        start, cpu = time.perf_counter(), time.thread_time()
        try:
            self._storage.insert(table, blocks)
        except Exception:
            self._storage.forget()
            raise
        return time.perf_counter() - start, time.thread_time() - cpu


def _rows_at_fault(error: Exception) -> bool:
    return isinstance(error, DatabaseError) and error.code in _ROWS_AT_FAULT


def _tell(waiting: _Waiting, error: Exception | None) -> None:
    if waiting.stored.done():
        return
    if error is None:
        waiting.stored.set_result(None)
        return
    waiting.stored.set_exception(Refused(_refusal(error)))
    # The request may be gone by now; it is not an error that nobody asks.
    waiting.stored.exception()


def _refusal(error: Exception) -> Refusal:
    if _rows_at_fault(error):
        return Refusal(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"ClickHouse refuses these rows and stored none of them: {error}",
        )
    return Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"ClickHouse did not store the batch; send again ({error})",
        _RETRY_SECONDS,
    )
