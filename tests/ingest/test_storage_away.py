"""ClickHouse slow, refusing or away: senders are told to retry, and nothing is acknowledged."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from google.rpc.status_pb2 import Status

from ingest.prepare import Prepared
from ingest.refusal import Refused
from ingest.telemetry import Telemetry
from ingest.writer import Writer
from tests.everyspan_up import ROOT, free_ports
from tests.ingest.otlp_payloads import request, span, trace_id


@contextmanager
def ingest_without_clickhouse(directory: Path) -> Iterator[dict[str, int]]:
    """``everyspan ingest`` whose ClickHouse server does not exist."""
    ports = free_ports()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cli.main",
                "ingest",
                f"--otlp-http-port={ports['otlp-http']}",
                f"--otlp-grpc-port={ports['otlp-grpc']}",
                f"--clickhouse-dsn=http://user:hidden@127.0.0.1:{ports['clickhouse']}",
            ],
            cwd=ROOT,
            env={**os.environ, "EVERYSPAN_INGEST_WORKERS": "0"},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                if ask(ports, "GET", "/healthz")[0] == 200:
                    break
            except OSError:
                assert time.monotonic() < deadline, (directory / "log").read_text()
                time.sleep(0.05)
        yield ports
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "hidden" not in (directory / "log").read_text()


def ask(
    ports: dict[str, int], method: str, path: str, body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """One request to the OTLP port."""
    connection = http.client.HTTPConnection("127.0.0.1", ports["otlp-http"], timeout=30)
    connection.request(method, path, body, {"content-type": "application/x-protobuf"})
    answer = connection.getresponse()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def test_no_server_is_503_with_retry_after(tmp_path: Path) -> None:
    with ingest_without_clickhouse(tmp_path) as ports:
        status, _, body = ask(ports, "GET", "/readyz")
        assert status == 503
        assert b"EVERYSPAN_CLICKHOUSE_DSN" in body
        assert b"hidden" not in body
        message = request(span(trace_id())).SerializeToString()
        status, headers, body = ask(ports, "POST", "/v1/traces", message)
        assert status == 503
        assert int(headers["retry-after"]) >= 1
        assert Status.FromString(body).code == 14


class Shelf:
    """Stands where ClickHouse would and fails as told, to see what the writer makes of it."""

    def __init__(self) -> None:
        self.inserts: list[list[bytes]] = []
        self.poison = b""
        self.error: int = 0
        self.open = threading.Event()
        self.open.set()

    def insert(self, table: str, blocks: Sequence[bytes]) -> None:
        assert self.open.wait(60)
        if self.error:
            raise DatabaseError("it says no", code=self.error)
        if self.poison and self.poison in blocks:
            raise DatabaseError("Cannot read all data", code=33)
        self.inserts.append(list(blocks))

    def forget(self) -> None:
        """Nothing is kept."""


def writer(shelf: Shelf, **limits: float) -> Writer:
    return Writer(
        shelf,
        Telemetry(),
        rows=int(limits.get("rows", 100)),
        bytes_=int(limits.get("bytes_", 1 << 20)),
        age=limits.get("age", 0.05),
        timeout=limits.get("timeout", 5),
    )


def prepared(block: bytes, rows: int = 1) -> Prepared:
    return Prepared("spans_raw", rows, [block])


async def outcomes(writer: Writer, *blocks: Prepared) -> list[int]:
    """Status of each: 200, or that of the refusal."""
    results = await asyncio.gather(*(writer.store(b) for b in blocks), return_exceptions=True)
    await writer.close()
    return [r.refusal.status if isinstance(r, Refused) else 200 for r in results]


def test_requests_share_an_insert() -> None:
    shelf = Shelf()

    async def run() -> list[int]:
        return await outcomes(writer(shelf), *(prepared(b"%d" % i) for i in range(20)))

    assert asyncio.run(run()) == [200] * 20
    assert len(shelf.inserts) == 1


@pytest.mark.parametrize("limit", [{"rows": 4}, {"bytes_": 4}])
def test_rows_and_bytes_make_an_insert_due(limit: dict[str, float]) -> None:
    shelf = Shelf()

    async def run() -> list[int]:
        started = time.monotonic()
        found = await outcomes(
            writer(shelf, age=30, **limit), *(prepared(b"%d" % i) for i in range(4))
        )
        assert time.monotonic() - started < 10
        return found

    assert asyncio.run(run()) == [200] * 4
    assert shelf.inserts == [[b"0", b"1", b"2", b"3"]]


def test_one_bad_batch_fails_alone() -> None:
    shelf = Shelf()
    shelf.poison = b"3"

    async def run() -> list[int]:
        return await outcomes(writer(shelf), *(prepared(b"%d" % i) for i in range(6)))

    assert asyncio.run(run()) == [200, 200, 200, 500, 200, 200]
    assert sorted(b for blocks in shelf.inserts for b in blocks) == [b"0", b"1", b"2", b"4", b"5"]


def test_a_passing_trouble_is_503_for_all() -> None:
    shelf = Shelf()
    shelf.error = 252  # too many parts

    async def run() -> list[int]:
        return await outcomes(writer(shelf), prepared(b"1"), prepared(b"2"))

    assert asyncio.run(run()) == [503, 503]


def test_a_slow_insert_is_503_and_still_stored() -> None:
    shelf = Shelf()
    shelf.open.clear()

    async def run() -> int:
        slow = writer(shelf, timeout=0.2)
        with pytest.raises(Refused) as refused:
            await slow.store(prepared(b"1"))
        shelf.open.set()
        await slow.close()
        return refused.value.refusal.status

    assert asyncio.run(run()) == 503
    assert shelf.inserts == [[b"1"]]


def test_a_large_lone_batch_waits_for_nobody() -> None:
    shelf = Shelf()

    async def run() -> list[int]:
        alone = writer(shelf, age=30, rows=10_000)
        return await asyncio.wait_for(outcomes(alone, prepared(b"1", rows=512)), 10)

    assert asyncio.run(run()) == [200]
