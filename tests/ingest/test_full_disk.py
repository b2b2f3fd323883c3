"""ClickHouse's disk full or nearly: /readyz says so, nothing is acknowledged, and it comes back."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.everyspan_up import ROOT, Up, free_ports
from tests.full_disk import SmallDisk, small_disk
from tests.ingest.otlp_payloads import request, span, trace_id


@contextmanager
def ingest(disk: SmallDisk, **settings: str) -> Iterator[Up]:
    """``everyspan ingest`` on embedded ClickHouse; its temporary files are on the disk too."""
    data = disk.path / "data"
    data.mkdir()
    up = Up(data, {"otlp-http": free_ports()["otlp-http"]})
    given = {f"EVERYSPAN_{name.upper()}": value for name, value in settings.items()}
    with (disk.path.parent / "log").open("wb") as log:
        up.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cli.main", "ingest"),
                *(f"--otlp-http-port={up.ports['otlp-http']}", "--otlp-grpc-port=0"),
                f"--data={data}",
            ],
            cwd=ROOT,
            env={**os.environ, "EVERYSPAN_INGEST_WORKERS": "0", "TMPDIR": str(data), **given},
            stdout=log,
            stderr=log,
        )
    try:
        wait_ready(up)
        yield up
    finally:
        up.process.terminate()
        up.process.wait(30)


def wait_ready(up: Up) -> None:
    deadline = time.monotonic() + 60
    while not up.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def post(up: Up, bytes_: int = 0) -> int:
    body = request(span(trace_id(), attributes={"a": os.urandom(bytes_ // 2).hex()}))
    return up.post("/v1/traces", body.SerializeToString()).status


def test_a_full_disk_is_not_ready_until_it_is_freed(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", 256) as disk,
        ingest(disk, min_free_bytes=str(64 << 20)) as up,
    ):
        assert post(up) == 200
        disk.fill(leaving=32 << 20)
        answer = up.request("GET", "/readyz")
        assert answer.status == 503
        assert b"EVERYSPAN_MIN_FREE_BYTES" in answer.body
        # What fits is taken all the same.
        assert post(up) == 200
        disk.fill()
        assert 503 in [post(up, 200_000) for _ in range(10)]
        assert up.request("GET", "/readyz").status == 503
        metrics = up.request("GET", "/metrics").body.decode()
        free = float(metrics.partition("\neveryspan_ingest_storage_free_bytes ")[2].split()[0])
        assert free < 64 << 20
        disk.empty()
        deadline = time.monotonic() + 60
        while post(up, 200_000) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert up.request("GET", "/readyz").body == b"ok\n"


def test_after_failed_inserts_it_is_not_ready_though_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk, ingest(disk, min_free_bytes="0") as up:
        disk.fill()
        assert 503 in [post(up, 200_000) for _ in range(10)]
        answer = up.request("GET", "/readyz")
        assert answer.status == 503
        disk.empty()
        deadline = time.monotonic() + 60
        while post(up) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert up.request("GET", "/readyz").body == b"ok\n"
