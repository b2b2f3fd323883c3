"""What OTLP/HTTP and OTLP/gRPC have in common: a body in, stored, an answer out."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from hashlib import blake2b
from http import HTTPStatus

from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.connection import StorageUnavailableError
from clickhouse.migrate import MigrationError
from ingest.heap import give_back_large_blocks
from ingest.held import Account, Held
from ingest.known_ids import KnownIds
from ingest.limits import ContentLimits
from ingest.otlp import NOT_STORED, Signal
from ingest.prepare import (
    Body,
    NeedsRoom,
    Prepared,
    Rules,
    prepare,
    room_for,
    too_much,
    warm_up,
)
from ingest.privacy.privacy_file import read_privacy
from ingest.rate import Rates
from ingest.refusal import Refusal, Refused
from ingest.settings import IngestSettings
from ingest.storage import Storage
from ingest.telemetry import Telemetry
from ingest.writer import Writer
from service.keys import OPERATOR, Key, Keys, Who
from service.worker_pool import WorkerPool

log = logging.getLogger(__name__)

_OPEN_AGAIN_SECONDS = 2.0
_WARN_AGAIN_SECONDS = 60.0
# Of a worker without a body, modules and all.
_WORKER_BYTES = 512 << 20
_SPACE_SECONDS = 15.0
# After so long, senders may try whether an insert goes well again.
_FAILING_SECONDS = 30.0


_Work = asyncio.Task[tuple[dict[str, int], asyncio.Future[None]]]
#: Bytes of a body, as sent, from which on it is worth knowing again.
_LARGE_BODY = 1 << 20
#: Seconds for which a large body that was stored is known: senders try again within them.
_REMEMBERED_SECONDS = 60.0


class Receiver:
    """Accepts bodies once ClickHouse is open and migrated; until then senders are told to retry.
    ``keys``: of projects. Raises PrivacyError."""

    def __init__(self, settings: IngestSettings, keys: Keys | None = None) -> None:
        self.settings = settings
        self.keys = keys
        self._rates = Rates()
        self._privacy = read_privacy(settings.privacy_file, settings.privacy_key.get_secret_value())
        self.telemetry = Telemetry()
        self._storage = Storage(settings)
        # Clients belong to threads: health checks have one of their own.
        self._watching = ThreadPoolExecutor(1, thread_name_prefix="ready")
        self._writer = Writer(
            self._storage,
            self.telemetry,
            rows=settings.insert_rows,
            bytes_=settings.insert_bytes,
            age=settings.insert_age_ms / 1000,
            timeout=settings.insert_timeout_seconds,
        )
        self._writer.coming = lambda: self._preparing
        self._pool: WorkerPool | None = None
        self._rules: Rules | None = None
        self._opening: asyncio.Task[None] | None = None
        self._watching_space: asyncio.Task[None] | None = None
        self._not_ready = "the service is starting"
        #: Of all requests, over HTTP and gRPC.
        self.account = Account(settings.max_pending_bytes, self.telemetry.pending_bytes)
        self._at_work: set[_Work] = set()
        #: Large bodies that are at work or just were, by what they are.
        self._large: dict[bytes, _Work] = {}
        self._preparing = 0
        self._warm = False
        self._known_ids = KnownIds()
        self._reused, self._warn_at = 0, 0.0
        self._stopping = False

    async def start(self) -> None:
        """Start the workers and open ClickHouse in the background."""
        settings = self.settings
        give_back_large_blocks()
        # A net under what ``prepare`` keeps to by itself: it can't foresee all that nests.
        most = _WORKER_BYTES + 2 * settings.max_body_bytes + 4 * settings.max_decompressed_bytes
        self._pool = WorkerPool(settings.ingest_workers, memory=most)
        self.account.places = self._pool.size + 1
        self._opening = asyncio.create_task(self._open())
        # An embedded engine opens at once or never; a server may take its time.
        await asyncio.wait([self._opening], timeout=5)

    async def stop(self) -> None:
        """Take nothing more, store what was taken, close."""
        self._stopping = True
        for task in (self._opening, self._watching_space):
            if task is not None:
                task.cancel()
        while self._at_work:
            await asyncio.gather(*self._at_work, return_exceptions=True)
        await self._writer.close()
        if self._pool is not None:
            await asyncio.to_thread(self._pool.close)
        self._watching.shutdown()
        self._storage.close()

    async def ready(self) -> str:
        """'' when spans can be stored now, else the reason."""
        if self._stopping:
            return "the service is stopping"
        if self._rules is None or not self._warm:
            return self._not_ready
        asked = asyncio.get_running_loop().run_in_executor(self._watching, self._look_at_space)
        try:
            free = await asyncio.wait_for(asked, 5)
        except Exception as error:
            return f"ClickHouse does not answer: {error}"
        if free < self.settings.min_free_bytes:
            return (
                f"ClickHouse's disk has {free} bytes left, under EVERYSPAN_MIN_FREE_BYTES "
                f"({self.settings.min_free_bytes}); free the disk or shorten the retention"
            )
        failing = self._writer.failing
        if failing is not None and time.monotonic() - failing[1] < _FAILING_SECONDS:
            return f"the last insert failed: {failing[0]}"
        return ""

    def _look_at_space(self) -> int:
        try:
            free = self._storage.free_bytes()
        except Exception:
            self._storage.forget()
            raise
        self.telemetry.free_bytes.set(free)
        return free

    async def _watch_space(self) -> None:
        """Keeps the metric up to date."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._watching, self._look_at_space)
            except Exception as error:
                log.debug("the free space is not known: %s", error)
            await asyncio.sleep(_SPACE_SECONDS)

    def check_rate(self, who: Who, signal: Signal) -> None:
        """Before the body is read. Raises Refused (429) where the key has sent too much."""
        try:
            self._rates.check(who.key)
        except Refused:
            self.telemetry.over_rate.labels(signal).inc()
            raise

    async def receive(self, body: Body, held: Held, who: Who = OPERATOR) -> dict[str, int]:
        """Store one request. ``held``: the account of the body, which is ours from now on. ``who``:
        whose project its rows go to. Returns reason to number of what was rejected in it. Raises
        Refused.
        """
        body.project = who.writes_to
        if body.signal == "metrics":
            # Exporters that send everything to one endpoint must neither fail nor retry.
            held.release()
            self.telemetry.ignored.labels("metrics").inc()
            return {f"metrics are {NOT_STORED}": 0} if len(body.data) > len(b"{}") else {}
        start = time.perf_counter()
        signal = body.signal
        # The work goes on when its sender has given up: what came is stored all the same.
        work = self._work_of(body, held, who.key)
        del body
        try:
            rejected, stored = await asyncio.shield(work)
            await self._writer.wait(stored)
        finally:
            self.telemetry.request_seconds.labels(signal).observe(time.perf_counter() - start)
        return rejected

    def _work_of(self, body: Body, held: Held, sent_with: Key | None) -> _Work:
        """The task that prepares the body; a large one that is sent again while it is at work, or
        just was, is not done again from zero."""
        key = b""
        if len(body.data) >= _LARGE_BODY:
            said = f"{body.signal} {body.encoding} {body.content_encoding}".encode()
            whose = blake2b(body.project.encode(), digest_size=16).digest()
            key = blake2b(body.data, digest_size=16, key=said[:64], salt=whose).digest()
            known = self._large.get(key)
            if known is not None:
                body.data = b""
                held.release()
                return known
        work = asyncio.create_task(self._rows_of(body, held, sent_with))
        self._at_work.add(work)
        work.add_done_callback(self._done)
        if key:
            self._large[key] = work
            work.add_done_callback(partial(self._forget_later, key))
        return work

    def _forget_later(self, key: bytes, work: _Work) -> None:
        """Of what failed nothing is remembered; of what is stored, as long as senders try again."""
        if work.cancelled() or work.exception() is not None:
            self._large.pop(key, None)
            return
        loop = asyncio.get_running_loop()

        def ended(stored: asyncio.Future[None]) -> None:
            if stored.cancelled() or stored.exception() is not None:
                self._large.pop(key, None)
            else:
                loop.call_later(_REMEMBERED_SECONDS, self._large.pop, key, None)

        work.result()[1].add_done_callback(ended)

    def _done(self, work: _Work) -> None:
        self._at_work.discard(work)
        if not work.cancelled():
            # Nobody may be waiting for it any more.
            work.exception()

    async def _rows_of(
        self, body: Body, held: Held, sent_with: Key | None
    ) -> tuple[dict[str, int], asyncio.Future[None]]:
        """Prepare the body and give its rows to the writer; they are held until they are stored, or
        never will be."""
        self._preparing += 1
        try:
            prepared = await self._prepare(body)
            held.set(prepared.size)
        except BaseException:
            held.release()
            raise
        finally:
            # An error holds the frames that it came through, and with them the body.
            body.data = b""
            self._preparing -= 1
        self._count(body.signal, prepared)
        self._rates.charge(sent_with, prepared.rows)
        stored = self._writer.submit(prepared)
        stored.add_done_callback(lambda _: held.release())
        said = dict(prepared.rejected)
        if prepared.ignored:
            said[f"log records are {NOT_STORED}"] = prepared.ignored
        return said, stored

    async def _prepare(self, body: Body) -> Prepared:
        pool, rules = self._pool, self._rules
        if rules is None or pool is None:
            raise _unavailable(self._not_ready)
        room = room_for(body, rules)
        try:
            while True:
                async with self.account.working(room, self.settings.insert_timeout_seconds):
                    if self._stopping:
                        raise _unavailable("the service is stopping")
                    call = pool.submit(prepare, body, rules, room)
                    result = await asyncio.wrap_future(call)
                if not isinstance(result, NeedsRoom):
                    break
                room = result.bytes
        except Refused:
            raise
        except MemoryError as error:
            raise Refused(too_much(rules)) from error
        except BrokenProcessPool as error:
            raise _unavailable("a worker process was killed, perhaps for want of memory") from error
        except Exception as error:
            log.exception("preparing %d bytes of %s failed", len(body.data), body.signal)
            raise Refused(
                Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"the batch could not be read: {error!r}")
            ) from error
        if isinstance(result, Refusal):
            raise Refused(result)
        return result

    def _count(self, signal: Signal, prepared: Prepared) -> None:
        if prepared.rejected:
            self.telemetry.rejected.labels(signal).inc(sum(prepared.rejected.values()))
        if prepared.ignored:
            self.telemetry.ignored.labels(signal).inc(prepared.ignored)
        if prepared.not_understood:
            self.telemetry.count_not_understood(prepared.not_understood)
        for kind, number in prepared.masked.items():
            self.telemetry.masked.labels(kind).inc(number)
        if reused := self._known_ids.reused(*prepared.ids):
            self.telemetry.reused_ids.inc(reused)
            self._warn_of_reuse(reused)
        for stage, seconds in prepared.seconds.items():
            self.telemetry.stage_seconds.labels(stage).inc(seconds)

    def _warn_of_reuse(self, spans: int) -> None:
        self._reused += spans
        if time.monotonic() < self._warn_at:
            return
        log.warning(
            "%d spans came with trace and span ids that another span had; all are stored, and told"
            " apart by the columns fingerprint and id_reuse (does the sender call random.seed?"
            " everyspan.init prevents it)",
            self._reused,
        )
        self._reused, self._warn_at = 0, time.monotonic() + _WARN_AGAIN_SECONDS

    async def _open(self) -> None:
        while True:
            try:
                loop = asyncio.get_running_loop()
                types = await loop.run_in_executor(self._watching, self._storage.open)
            except (StorageUnavailableError, ClickHouseError, OSError) as error:
                self._not_ready = str(error)
                log.warning("not ready: %s", error)
            except MigrationError as error:
                self._not_ready = str(error)
                log.error("not ready: %s", error)
            else:
                self._rules = Rules(
                    types,
                    self.settings.retention_days,
                    self.settings.max_decompressed_bytes,
                    ContentLimits(max_attribute_bytes=self.settings.max_attribute_bytes),
                    self._privacy,
                )
                break
            await asyncio.sleep(_OPEN_AGAIN_SECONDS)
        self._watching_space = asyncio.create_task(self._watch_space())
        await self._warm_up(self._rules)

    async def _warm_up(self, rules: Rules) -> None:
        """Workers start with their first call and take seconds to load on a busy machine. Requests
        are taken meanwhile and wait for them; nobody is told that we are ready."""
        assert self._pool is not None
        self._not_ready = "the workers are starting"
        calls = [self._pool.submit(warm_up, rules) for _ in range(self._pool.size)]
        for call in calls:
            try:
                await asyncio.wrap_future(call)
            except BrokenProcessPool:
                log.warning("a worker process was killed while it started")
        self._warm = True


def _unavailable(reason: str) -> Refused:
    return Refused(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}; send again", 2))
