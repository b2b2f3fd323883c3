"""Hostile readers of ``everyspan up``: the port comes back, ingest never notices, and
the process ends when it is asked to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clickhouse.embedded_http_server import serve
from tests.everyspan_up import Answer, Up, running
from tests.ingest.otlp_payloads import request, span, trace_id

# Hours inside one call of a function that has its uses, so that the guard lets it through.
ENDLESS = (
    "SELECT hasAll(arrayMap(x -> toString(x), range(1000000)),"
    " arrayMap(x -> toString(x), range(1000000)))"
)
# Six of these stay just under a limit of 2 GiB each, and over 4 GiB together, for a long time.
JOIN = (
    "SELECT count() FROM numbers(10000000000) AS a JOIN (SELECT number AS k, repeat('y', 100) AS v"
    " FROM numbers(7000000)) AS b ON a.number % 7000000 = b.k WHERE length(b.v) > 1"
    " SETTINGS max_execution_time = 10"
)
LEVENSHTEIN = "SELECT arrayLevenshteinDistance(range(3000000), range(3000000))"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Up]:
    with running(tmp_path / "data") as up:
        yield up


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """For tests after which it answers as before."""
    with running(tmp_path_factory.mktemp("lasting") / "data") as up:
        yield up


def ask(up: Up, sql: str) -> Answer:
    return up.request("POST", "/", sql.encode(), port="clickhouse", timeout=90)


def store(up: Up, spans: int = 10) -> str:
    trace = trace_id()
    answer = up.post(
        "/v1/traces", request(*(span(trace) for _ in range(spans))).SerializeToString()
    )
    assert answer.status == 200, answer.body
    return trace.hex()


def metric(up: Up, name: str) -> float:
    lines = up.request("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def until_answered(up: Up, seconds: float) -> float:
    """Ask until there is an answer; the seconds that it took."""
    started = time.monotonic()
    while True:
        try:
            if ask(up, "SELECT 1").status == 200:
                return time.monotonic() - started
        except OSError:
            pass  # A reader that ended under a request.
        assert time.monotonic() - started < seconds
        time.sleep(0.1)


def test_what_never_ends_neither_keeps_the_port_nor_the_process(stack: Up) -> None:
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: ask(stack, LEVENSHTEIN), range(8)))
        assert {answer.status for answer in refused} == {403}
        until_answered(stack, 20)

        hostile = [pool.submit(ask, stack, f"{ENDLESS} AS x{n}") for n in range(8)]
        time.sleep(1)
        # Five seconds are everybody's, then three to obey, then a fresh reader.
        until_answered(stack, 20)
        assert {attempt.result().status for attempt in hostile} == {503}
        assert metric(stack, "everyspan_clickhouse_places_lost_total") >= 1
        assert metric(stack, "everyspan_clickhouse_readers_replaced_total") >= 1
        trace = store(stack)
        time.sleep(1)
        assert len(stack.spans(trace, "span_id")) == 10

        hostile = [pool.submit(ask, stack, f"{ENDLESS} AS y{n}") for n in range(8)]
        time.sleep(1)
        started = time.monotonic()
        assert stack.stop() == 0
        assert time.monotonic() - started < 25
        for attempt in hostile:
            attempt.exception()


def readers(up: Up) -> list[int]:
    """Their processes."""
    assert up.process is not None
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        if b"embedded_http.reader" in command and f"PPid:\t{up.process.pid}\n" in status:
            found.append(int(pid))
    return found


def test_a_killed_reader_is_replaced(lasting: Up) -> None:
    trace = store(lasting)
    [reader] = readers(lasting)
    # Locked in before any of its threads began.
    for thread in Path(f"/proc/{reader}/task").iterdir():
        assert "NoNewPrivs:\t1\n" in (thread / "status").read_text()
    os.kill(reader, signal.SIGKILL)
    until_answered(lasting, 20)
    assert len(lasting.spans(trace, "span_id")) == 10


@pytest.mark.slow
def test_a_reader_that_waits_for_itself_at_its_start_is_replaced(lasting: Up) -> None:
    [first] = readers(lasting)
    os.kill(first, signal.SIGKILL)
    until = time.monotonic() + 20
    while not (second := [pid for pid in readers(lasting) if pid != first]):
        assert time.monotonic() < until
        time.sleep(0.01)
    # It is there, and will never use a processor again.
    os.kill(second[0], signal.SIGSTOP)
    until_answered(lasting, 40)
    assert "waits for itself" in lasting.log()


def test_a_machine_too_busy_to_start_a_reader_in_time_gets_one(tmp_path: Path) -> None:
    """Each start that was given up leaves the next one more time."""
    with serve(tmp_path / "clickhouse", start_seconds=0.2) as server:
        assert server.ask("SELECT 41 + 1").text == "42\n"


def test_readers_see_what_was_stored_soon(lasting: Up) -> None:
    for _ in range(5):
        trace = store(lasting)
        deadline = time.monotonic() + 20
        # Not `spans`, which waits until it is there.
        sql = f"SELECT count() FROM everyspan.spans WHERE trace_id = '{trace}'"
        while ask(lasting, sql).body.strip() != b"10":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_readyz_of_the_port(lasting: Up) -> None:
    answer = lasting.request("GET", "/readyz", port="clickhouse")
    assert (answer.status, answer.body) == (200, b"ok\n")
    # Its files are here, though the engine takes the disk for a distant one.
    asked = ask(
        lasting,
        "SELECT name, value FROM system.settings WHERE changed"
        " AND name LIKE 'remote_filesystem_read_%' ORDER BY name",
    )
    assert asked.body == (
        b"remote_filesystem_read_method\tread\nremote_filesystem_read_prefetch\t0\n"
    )


def test_large_joins_take_nothing_from_ingest(lasting: Up) -> None:
    ended = threading.Event()
    statuses: list[int] = []
    stored: list[str] = []

    def send() -> None:
        while not ended.is_set():
            stored.append(store(lasting))

    def read() -> None:
        while not ended.is_set():
            statuses.append(ask(lasting, JOIN).status)

    with ThreadPoolExecutor(8) as pool:
        senders = [pool.submit(send) for _ in range(2)]
        readers = [pool.submit(read) for _ in range(6)]
        time.sleep(6)
        ended.set()
        for work in (*senders, *readers):
            work.result()  # Raises where a span was not taken.
    # The joins were too large, and told so.
    assert statuses
    assert 200 not in statuses
    until_answered(lasting, 20)
    traces = ", ".join(f"'{trace}'" for trace in stored)
    rows = lasting.query(
        "SELECT uniqExact(trace_id) AS n, count() AS spans FROM everyspan.spans"
        f" WHERE trace_id IN ({traces})"
    )
    assert int(rows[0]["n"]) == len(stored)
    assert int(rows[0]["spans"]) == 10 * len(stored)
