"""Somebody sets the clock, or it was wrong at the start: judging and alerting go on."""

from __future__ import annotations

import json
import random
import shutil
import string
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from alerting.notification import Alert
from alerting.pipeline import record
from alerting.spool import Received
from alerting.store.deliveries import LONGEST_SECONDS
from alerting.store.store import Store
from tests.everyspan_up import ROOT, Up, running
from tests.ingest.otlp_payloads import request, span, trace_id


@pytest.fixture
def clock(tmp_path: Path) -> tuple[dict[str, str], Callable[[float], None]]:
    """The environment of a process whose clock this sets, so many hours off."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler for a clock of its own")
    library, offset = tmp_path / "clock.so", tmp_path / "offset"
    source = ROOT / "benchmarks" / "faults" / "clock.c"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True
    )

    def is_off_by(hours: float) -> None:
        with offset.open("r+b" if offset.exists() else "w+b", buffering=0) as file:
            file.write(struct.pack("=q", int(hours * 3600)))

    is_off_by(0)
    return {"LD_PRELOAD": str(library), "FAULT_CLOCK": str(offset)}, is_off_by


def send(up: Up, service: str = "test", **attributes: str) -> str:
    """Returns the trace's id."""
    trace = trace_id()
    message = request(span(trace, attributes=attributes), service=service)
    assert up.post("/v1/traces", message.SerializeToString()).status == 200
    return trace.hex()


def fired(up: Up, service: str) -> bool:
    """Whether an alert of the service was recorded."""
    answer = up.request("GET", "/v1/alerts?limit=1000", port="alerting")
    return any(row["service"] == service for row in json.loads(answer.body)["deliveries"])


def leak(up: Up, service: str) -> None:
    key = "ghp_" + "".join(random.choices(string.ascii_letters + string.digits, k=36))
    said = [{"role": "assistant", "parts": [{"type": "text", "content": f"It uses {key}."}]}]
    send(
        up,
        service,
        **{"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(said)},
    )
    deadline = time.monotonic() + 60
    while not fired(up, service):
        assert time.monotonic() < deadline, up.log()
        time.sleep(0.3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "hours",
    [3, -3],
    ids=["forward and back", "back and forward"],
)
def test_a_clock_that_is_set_while_it_runs(
    tmp_path: Path, clock: tuple[dict[str, str], Callable[[float], None]], hours: float
) -> None:
    environment, is_off_by = clock
    with running(
        tmp_path / "data",
        classify_trace_quiet_seconds="1",
        classify_interval_seconds="0.2",
        grafana_evaluate_seconds="1",
    ) as up:
        up.stop()
        up.environment |= environment
        up.start()
        leak(up, "before")
        waits = send(up)
        is_off_by(hours)
        up.judged([waits, send(up)], timeout=40)
        if hours > 0:
            # Rules look at no span that begins in the future, which these would.
            leak(up, "meanwhile")
        waits = send(up)
        is_off_by(0)
        up.judged([waits, send(up)], timeout=40)
        leak(up, "afterwards")
        assert up.is_ready()


@pytest.mark.slow
def test_a_clock_that_was_ahead_at_the_start(
    tmp_path: Path, clock: tuple[dict[str, str], Callable[[float], None]]
) -> None:
    environment, is_off_by = clock
    with running(tmp_path / "data", classify_trace_quiet_seconds="1") as up:
        up.stop()
        is_off_by(20)
        own = dict(up.environment)
        up.environment |= environment | {"EVERYSPAN_CLASSIFY_TRACE_QUIET_SECONDS": "50"}
        up.start()
        waits = send(up)
        up.kill()
        up.environment = own
        up.start()
        up.judged([waits, send(up)], timeout=40)


def test_a_delivery_that_is_due_long_after_the_clock_was_set_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "spool.sqlite3")
    deliveries = store.deliveries
    body = {"status": "firing", "labels": {"a": "b"}, "startsAt": "2026-11-24T01:00:00Z"}
    alert = Alert.model_validate(body | {"fingerprint": "f"})
    now = time.time_ns() // 1_000_000
    with store.file.transaction() as connection:
        connection.execute(
            "INSERT INTO notifications (content_key, received_at, last_received_at, body)"
            " VALUES (x'00', ?, ?, x'00')",
            (now, now),
        )
    assert record(store, Received(1, now, now, 1, b""), [(alert, ["oncall"])]) == 1
    soon, never = now + 60_000, now + int((LONGEST_SECONDS + 60) * 1000)
    deliveries.not_sent(deliveries.due("oncall"), "away", soon)
    assert deliveries.due("oncall") == []
    deliveries.not_sent(deliveries.read(), "away", never)
    assert len(deliveries.due("oncall")) == 1
    store.close()
