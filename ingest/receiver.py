"""What OTLP/HTTP and OTLP/gRPC have in common: a body in, stored, an answer out."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from http import HTTPStatus

from clickhouse_connect.driver.exceptions import ClickHouseError

from clickhouse.connection import StorageUnavailableError
from clickhouse.migrate import MigrationError
from ingest.known_ids import KnownIds
from ingest.limits import ContentLimits
from ingest.prepare import Body, Prepared, Rules, prepare, warm_up
from ingest.refusal import Refusal, Refused
from ingest.settings import IngestSettings
from ingest.storage import Storage
from ingest.telemetry import Telemetry
from ingest.worker_pool import WorkerPool
from ingest.writer import Writer

log = logging.getLogger(__name__)

_OPEN_AGAIN_SECONDS = 2.0
_WARN_AGAIN_SECONDS = 60.0


class Receiver:
    """Accepts bodies once ClickHouse is open and migrated; until then senders are told to retry."""

    def __init__(self, settings: IngestSettings) -> None:
        self.settings = settings
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
        self._not_ready = "the service is starting"
        self._preparing = 0
        self._pending = 0
        self._warm = False
        self._known_ids = KnownIds()
        self._reused, self._warn_at = 0, 0.0
        self._stopping = False

    async def start(self) -> None:
        """Start the workers and open ClickHouse in the background."""
        self._pool = WorkerPool(self.settings.ingest_workers)
        self._opening = asyncio.create_task(self._open())
        # An embedded engine opens at once or never; a server may take its time.
        await asyncio.wait([self._opening], timeout=5)

    async def stop(self) -> None:
        """Take nothing more, store what was taken, close."""
        self._stopping = True
        if self._opening is not None:
            self._opening.cancel()
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
        ping = asyncio.get_running_loop().run_in_executor(self._watching, self._storage.ping)
        try:
            await asyncio.wait_for(ping, 5)
        except Exception as error:
            return f"ClickHouse does not answer: {error}"
        return ""

    async def receive(self, body: Body) -> dict[str, int]:
        """Store one request. Returns reason to number of what was rejected in it.

        Raises Refused.
        """
        if body.signal == "metrics":
            # Exporters that send everything to one endpoint must neither fail nor retry.
            self.telemetry.ignored.labels("metrics").inc()
            return {}
        start = time.perf_counter()
        size = len(body.data)
        if self._pending + size > self.settings.max_pending_bytes and self._pending:
            raise Refused(
                Refusal(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "more is waiting to be stored than EVERYSPAN_MAX_PENDING_BYTES allows; "
                    "send again later",
                    1,
                )
            )
        self._pending += size
        self.telemetry.pending_bytes.set(self._pending)
        try:
            prepared = await self._prepare(body)
            await self._writer.store(prepared)
        finally:
            self._pending -= size
            self.telemetry.pending_bytes.set(self._pending)
            self.telemetry.request_seconds.labels(body.signal).observe(time.perf_counter() - start)
        self._count(body, prepared)
        return prepared.rejected

    async def _prepare(self, body: Body) -> Prepared:
        if self._rules is None or self._pool is None or self._stopping:
            reason = "the service is stopping" if self._stopping else self._not_ready
            raise Refused(Refusal(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}; send again", 2))
        self._preparing += 1
        try:
            result = await asyncio.wrap_future(self._pool.submit(prepare, body, self._rules))
        except BrokenProcessPool as error:
            raise Refused(
                Refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "a worker process was killed, perhaps for want of memory; send again",
                    1,
                )
            ) from error
        except Exception as error:
            log.exception("preparing %d bytes of %s failed", len(body.data), body.signal)
            raise Refused(
                Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"the batch could not be read: {error!r}")
            ) from error
        finally:
            self._preparing -= 1
        if isinstance(result, Refusal):
            raise Refused(result)
        return result

    def _count(self, body: Body, prepared: Prepared) -> None:
        if prepared.rejected:
            self.telemetry.rejected.labels(body.signal).inc(sum(prepared.rejected.values()))
        if prepared.ignored:
            self.telemetry.ignored.labels(body.signal).inc(prepared.ignored)
        if prepared.not_understood:
            self.telemetry.count_not_understood(prepared.not_understood)
        if prepared.ids and (reused := self._known_ids.reused(*prepared.ids)):
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
                )
                break
            await asyncio.sleep(_OPEN_AGAIN_SECONDS)
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
