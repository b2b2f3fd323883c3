"""Whether dashboards that refresh, and classifiers, disturb what is sent.

    python -m benchmarks.ingest.beside_boards [--folder DIR] [--rate 1000] [--seconds 30]

`everyspan up` with its defaults (DIR: with the rows that benchmarks.large.run has put there) takes
spans at a steady rate, batches of 512, while it judges them; by turns nobody looks, and all boards
and the page's first view are refreshed every five seconds, six statements at a time, as a browser
asks Grafana. Prints what was acknowledged, how long a request took, and how long the boards did.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

from benchmarks.grafana.run import statements
from benchmarks.ingest import load
from benchmarks.layouts import rows
from benchmarks.suite import figures
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from grafana.macros import TimeRange, expand, interval_for
from tests.everyspan_up import Up, free_ports

#: How often a board asks, and how many statements at a time.
_REFRESH_SECONDS, _AT_A_TIME = 5.0, 6
_TURNS = 3
#: That boards look at, where there is no folder.
_ROWS = 200_000


@dataclass(slots=True)
class Sent:
    """``late``: seconds after its time that a batch was begun; ``took``: until its answer."""

    acknowledged: int = 0
    refused: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.took)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def send(url: str, rate: float, seconds: float, into: Sent) -> None:
    """At a steady rate: what is late is counted from when it was to be sent."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    began = time.perf_counter()
    for number in range(int(seconds * rate / load.SPANS_A_BATCH)):
        due = began + number * load.SPANS_A_BATCH / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        body, _ = load.batch()
        connection.request("POST", parts.path, body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            into.acknowledged += load.SPANS_A_BATCH
            into.took.append(time.perf_counter() - due)
        else:
            into.refused += load.SPANS_A_BATCH
    into.seconds += time.perf_counter() - began
    connection.close()


@contextmanager
def looked_at(up: Up) -> Iterator[list[float]]:
    """Somebody has all boards and the page open. Gives the seconds that each refresh took."""
    ended, took = threading.Event(), list[float]()

    def client() -> clickhouse_connect.driver.client.Client:
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=up.ports["clickhouse"], database="everyspan",
            autogenerate_session_id=False,
        )  # fmt: skip

    def ask(sql: str) -> None:
        # A statement that the port stops after its five seconds has had them.
        with client() as own, suppress(DatabaseError):
            own.query(sql)

    def look() -> None:
        with client() as own, ThreadPoolExecutor(_AT_A_TIME) as pool:
            while not ended.is_set():
                began = time.perf_counter()
                span = TimeRange.last(timedelta(days=1), datetime.now(UTC))
                asked = [
                    expand(sql, span, interval_for(span))
                    for board, _, sql, _ in statements(own, timedelta(days=1))
                    if board != "rules"
                ]
                list(pool.map(ask, asked))
                with urllib.request.urlopen(f"http://127.0.0.1:{up.ports['web']}/") as answer:
                    answer.read()
                took.append(time.perf_counter() - began)
                ended.wait(max(0.0, _REFRESH_SECONDS - took[-1]))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield took
    finally:
        ended.set()
        looking.join()


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, help="has rows already, and keeps them and the new")
    parser.add_argument("--rate", type=float, default=1000.0, help="spans a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each turn")
    given = parser.parse_args()
    alone, beside, refreshes = Sent(), Sent(), list[float]()
    with tempfile.TemporaryDirectory(prefix="everyspan-bench-") as name:
        data = given.folder or Path(name) / "data"
        if not given.folder:
            settings = ClickHouseSettings(data=data)
            client = connect(settings.dsn)
            migrate(client, settings)
            client.database = settings.database
            rows.fill(client, settings.database, _ROWS, 2)
            client.close()
        up = Up(data, free_ports())
        up.start()
        url = f"http://127.0.0.1:{up.ports['otlp-http']}/v1/traces"
        try:
            # First parts, first statements.
            send(url, given.rate, 2.0, Sent())
            with looked_at(up) as first:
                while not first:
                    time.sleep(0.1)
            for _ in range(_TURNS):
                send(url, given.rate, given.seconds, alone)
                with looked_at(up) as took:
                    send(url, given.rate, given.seconds, beside)
                refreshes += took
        finally:
            up.stop()
    print(f"{given.rate:,.0f} spans a second wanted\n")
    print("| | acknowledged/s | refused | p50 ms | p99 ms |\n|---|---:|---:|---:|---:|")
    for title, sent in (("nobody looks", alone), ("all boards and the page, each 5 s", beside)):
        print(
            f"| {title} | {sent.acknowledged / sent.seconds:,.0f} | {sent.refused:,} |"
            f" {sent.percentile(0.5):,.0f} | {sent.percentile(0.99):,.0f} |"
        )
    print(f"\na refresh of all took {statistics.median(refreshes):.1f} s")
    figures.tell(
        "spans/s while boards refresh", beside.acknowledged / beside.seconds, "spans/s",
        other=alone.acknowledged / alone.seconds, of="nobody looks",
    )  # fmt: skip


if __name__ == "__main__":
    main()
