"""Samples the services' own metrics into ``stack_metrics``, for the Monitor dashboard.

Counters are stored as they are, so that a sample that could not be written is no loss: the next one
holds what it counted.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)

#: Seconds between two samples.
EVERY_SECONDS = 15.0
#: A service that has written nothing for so long is gone.
_CURRENT_SECONDS = 120
_COLUMNS = ["time", "service", "instance", "metric", "labels", "value"]
_LEFT_OUT = ("_bucket", "_created")


def samples(registry: CollectorRegistry) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of every metric; of a histogram only count and sum."""
    for metric in registry.collect():
        for sample in metric.samples:
            if not sample.name.endswith(_LEFT_OUT):
                yield sample.name, dict(sample.labels), float(sample.value)


@dataclass(slots=True, frozen=True)
class Troubles:
    """``broken``: classifiers that can't judge now, as classify says; ``errors``: place to the
    errors of judging in the last 24 hours."""

    broken: list[str]
    errors: dict[str, int]


def stack_troubles(client: Client, database: str) -> Troubles:
    """What the services' newest samples tell. Raises clickhouse-connect's errors."""
    broken = client.query(
        f"SELECT name FROM (SELECT labels['classifier'] AS name, instance,"
        f" argMax(value, time) AS value FROM {database}.stack_metrics"
        " WHERE metric = 'everyspan_classify_broken'"
        f" AND time > now() - INTERVAL {_CURRENT_SECONDS} SECOND GROUP BY name, instance)"
        " GROUP BY name HAVING max(value) > 0 ORDER BY name"
    ).result_rows
    errors = client.query(
        "SELECT place, sum(after - before) AS errors"
        " FROM (SELECT labels['where'] AS place, instance,"
        " max(value) AS after, maxIf(value, time <= now() - INTERVAL 1 DAY) AS before"
        f" FROM {database}.stack_metrics WHERE metric = 'everyspan_classify_errors_total'"
        " AND time > now() - INTERVAL 2 DAY GROUP BY place, instance)"
        " GROUP BY place HAVING errors > 0 ORDER BY place"
    ).result_rows
    return Troubles(
        [str(name) for (name,) in broken], {str(name): int(count) for name, count in errors}
    )


class StackMetrics:
    """``registries``: service name to its metrics. ``connect``: a client of its own."""

    def __init__(
        self,
        registries: Mapping[str, CollectorRegistry],
        connect: Callable[[], Client],
        database: str,
        every: float = EVERY_SECONDS,
    ) -> None:
        self._registries, self._connect, self._database = registries, connect, database
        self._every = every
        #: One for each start of a process: its counters begin at 0.
        self.instance = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
        self._client: Client | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._quiet = False

    def start(self) -> None:
        """Sample in a thread until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="stack metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end. Safe to call twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        self._disconnect()

    def write(self) -> int:
        """Store a sample of everything. Returns rows. Raises clickhouse-connect's errors."""
        now = datetime.now(UTC)
        rows: list[list[Any]] = [
            [now, service, self.instance, name, labels, value]
            for service, registry in self._registries.items()
            for name, labels, value in samples(registry)
        ]
        if self._client is None:
            self._client = self._connect()
        if rows:
            self._client.insert(
                "stack_metrics", rows, column_names=_COLUMNS, database=self._database
            )
        return len(rows)

    def _loop(self) -> None:
        due = time.monotonic()
        while True:
            last = self._stopping.wait(max(0.0, due - time.monotonic()))
            due = time.monotonic() + self._every
            try:
                self.write()
                self._quiet = False
            except Exception as error:
                self._disconnect()
                if not self._quiet:
                    log.warning("the stack's own metrics are not stored for now: %s", error)
                self._quiet = True
            if last:
                return

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
