"""Workers that find their shares of the traces: no two have one, none is left, nothing is judged
twice; and what a worker writes whose lease is over does not count."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from benchmarks.faults.clickhouse_server import Server
from classify.job.rows import read_schema
from classify.service import ClassifyService
from classify.settings import ClassifySettings
from classify.shares.fence import LeaseLostError
from classify.shares.lease_store import read
from classify.shares.leases import Leases
from clickhouse.connection import connect
from tests.classify.job_store import Store, Tree, Words, trace
from tests.everyspan_up import begun


def settings_of(db: Store, **more: Any) -> ClassifySettings:
    # Shorter than anybody may set: what takes two and a half leases is waited for.
    quick = {"classify_interval_seconds": 0.05, "classify_lease_seconds": 1.0}
    return db.settings.model_copy(update=quick | {"classify_shard": "auto/8"} | more)


Hire = Callable[..., ClassifyService]


@pytest.fixture
def worker(db: Store) -> Iterator[Hire]:
    """Makes workers, which end with the test."""
    hired: list[ClassifyService] = []

    def hire(**more: Any) -> ClassifyService:
        settings = settings_of(db, **more)
        hired.append(
            ClassifyService(settings, lambda: connect(settings.dsn), (Words(), Tree()), leased=True)
        )
        return hired[-1]

    yield hire
    for each in hired:
        each.stop()


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too long"
        time.sleep(0.02)


def killed(service: ClassifyService) -> None:
    """Nothing of it runs any more, and nothing was let go."""
    assert service.leases is not None
    service.leases._stopping.set()
    assert service._schedule is not None
    service._schedule.stop()
    service._schedule = None


def held(*services: ClassifyService) -> list[int]:
    return sorted(n for each in services if each.leases for n in each.leases.held)


def written(service: ClassifyService) -> float:
    return _value(service.telemetry.registry, "everyspan_classify_rows_total")


def _value(registry: CollectorRegistry, name: str) -> float:
    return registry.get_sample_value(name) or 0.0


def test_workers_come_go_and_are_killed_and_each_row_is_judged_once(
    db: Store, worker: Hire
) -> None:
    """Three workers beside a stream of traces: one comes later, one is killed, one ends."""
    first, second, third = (worker() for _ in range(3))
    numbers = iter(range(1, 10_000))
    traces = 0

    def more(count: int = 40) -> None:
        nonlocal traces
        db.insert([span for n in range(count) for span in trace(next(numbers))])
        traces += count

    def judged() -> int:
        rows = db.query("SELECT countIf(verdict_version > 0) FROM spans")
        return int(rows[0][0])

    more()
    first.start()
    assert held(first) == list(range(8))
    until(lambda: judged() == 3 * traces)
    second.start()
    more()
    until(lambda: len(held(first)) == len(held(second)) == 4)
    assert held(first, second) == list(range(8))
    until(lambda: judged() == 3 * traces)
    third.start()
    more()
    until(lambda: Counter(len(held(each)) for each in (first, second, third)) == {3: 2, 2: 1})
    more()
    until(lambda: judged() == 3 * traces)
    until(lambda: min(map(written, (second, third))) > 0)
    killed(second)
    more()
    until(lambda: len(held(first)) == len(held(third)) == 4)
    until(lambda: judged() == 3 * traces)
    first.stop()
    more()
    until(lambda: held(third) == list(range(8)))
    until(lambda: judged() == 3 * traces)
    third.stop()
    assert sum(map(written, (first, second, third))) == 3 * traces
    assert read(db.client, settings_of(db)) == []


@pytest.mark.slow
def test_no_two_workers_have_one_share_whatever_happens(db: Store) -> None:
    """Seven workers that start, end, are killed and are halted at random, sampled all the while."""
    settings = settings_of(db)
    chance = random.Random(7)
    stopping = threading.Event()
    workers: list[Leases] = []
    twice: list[object] = []

    def live(seed: int) -> None:
        luck = random.Random(seed)
        while not stopping.is_set():
            leases = Leases(settings, lambda: connect(settings.dsn))
            leases.start()
            workers.append(leases)
            end = time.monotonic() + luck.uniform(0.2, 3)
            while time.monotonic() < end and not stopping.is_set():
                leases.use("job")
                time.sleep(0.02)
            if luck.random() < 0.5:
                leases.stop()
            else:
                leases._stopping.set()

    def watch() -> None:
        while not stopping.is_set():
            before = [(each, each.held) for each in list(workers)]
            for one, shares in before:
                for other, others in before:
                    # Seen between two looks at the same one, it was so at one moment.
                    if one is not other and shares & others & one.held & other.held:
                        twice.append((shares, others))
            time.sleep(0.005)

    threads = [threading.Thread(target=live, args=(chance.random(),)) for _ in range(7)]
    threads.append(threading.Thread(target=watch))
    for each in threads:
        each.start()
    time.sleep(6)
    stopping.set()
    for each in threads:
        each.join()
    assert not twice
    assert len(workers) > 7
    # Whoever comes then gets all.
    last = Leases(settings, lambda: connect(settings.dsn))
    last.start()
    until(lambda: len(last.held) == 8)
    last.stop()


def test_of_two_with_one_index_the_second_waits_until_the_first_is_gone(worker: Hire) -> None:
    first, second = (worker(classify_shard="1/2") for _ in range(2))
    third = worker(classify_shard="auto/4")
    first.start()
    second.start()
    third.start()
    assert (held(first), held(second), held(third)) == ([1], [], [])
    assert "share 1/2 is" in second.not_ready
    assert "divides the traces by 2, this one by 4" in third.not_ready
    assert first.not_ready == ""
    third.stop()
    killed(first)
    until(lambda: held(second) == [1])
    until(lambda: second.not_ready == "")


def test_fixed_and_found_shares_add_up(worker: Hire) -> None:
    fixed, one, other = worker(classify_shard="2/8"), worker(), worker()
    for each in (fixed, one, other):
        each.start()
    until(lambda: held(fixed, one, other) == list(range(8)))
    until(lambda: sorted(map(len, (held(fixed), held(one), held(other)))) == [1, 3, 4])


@pytest.fixture
def server(dsn: str) -> Iterator[str]:
    """The same engine over HTTP: inserts go as they go to a server."""
    running = Server(Path(dsn.removeprefix("chdb://")).resolve(), 0)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    thread.join()
    running.anchor.close()
    running.server_close()


def test_what_a_worker_writes_whose_lease_is_over_does_not_count(db: Store, server: str) -> None:
    db.insert(trace(1))
    settings = settings_of(db, clickhouse_dsn=server, classify_shard="0/1")
    leases = Leases(settings, lambda: connect(server))
    leases.start()
    fence = leases.use("job").fence
    assert fence is not None
    assert not fence.embedded
    client = connect(server)
    types = read_schema(client, db.database, ()).spans
    names = ", ".join(types)
    block = client.raw_query(
        f"SELECT {names} FROM (SELECT * REPLACE (1 AS verdict_version, 'late' AS words)"
        f" FROM {db.database}.spans_raw)",
        fmt="Native",
    )
    fence.insert(client, "spans_raw", types, block, {})
    assert db.query("SELECT verdict_version, words, count() FROM spans GROUP BY ALL") == [
        (1, "late", 3)
    ]
    db.client.command(
        f"INSERT INTO {db.database}.spans_raw SELECT * REPLACE ('mine' AS words)"
        f" FROM {db.database}.spans"
    )
    # Halted: for as long as the others need to take over.
    leases._stopping.set()
    second = Leases(settings, lambda: connect(server))
    second.start()
    assert not second.held
    until(lambda: second.held)
    with pytest.raises(LeaseLostError):
        fence.insert(client, "spans_raw", types, block, {})
    assert not leases.use("job").shares
    # It goes on: it is nobody that the others know, and has nothing.
    leases.look()
    assert not leases.held
    assert second.held
    assert db.query("SELECT words, count() FROM spans GROUP BY ALL") == [("mine", 3)]
    second.stop()
    leases.stop()
    client.close()


@pytest.mark.slow
def test_processes_that_are_halted_and_killed_are_replaced(
    db: Store, server: str, tmp_path: Path
) -> None:
    """``everyspan classify`` three times on one server: one is halted for longer than its lease,
    goes on, and one is killed. All is judged within the stated time, and shown once."""
    lease = 2.0
    traces = iter(range(1, 10_000))
    settings = settings_of(db)

    def spoken() -> int:
        db.insert([span for _ in range(50) for span in trace(next(traces))])
        return int(db.query("SELECT count() FROM spans")[0][0])

    def all_judged() -> bool:
        counts = "count(), uniqExact(trace_id, span_id), countIf(verdict_version = 0)"
        ((shown, spans, waiting),) = db.query(f"SELECT {counts} FROM spans")
        return bool(shown == spans and not waiting)

    def alive() -> dict[str, int]:
        return {each.place: len(each.shares) for each in read(db.client, settings) if each.left > 0}

    def all_held_by(workers: int) -> bool:
        found = alive()
        return len(found) == workers and sum(found.values()) == 8

    processes = [
        begun(
            [sys.executable, "-m", "cli.main", "classify"],
            tmp_path / f"{number}.log",
            {
                "EVERYSPAN_CLICKHOUSE_DSN": server,
                "EVERYSPAN_DATABASE": db.database,
                "EVERYSPAN_CLASSIFY_PORT": "0",
                "EVERYSPAN_CLASSIFY_WORKERS": "0",
                "EVERYSPAN_CLASSIFY_SHARD": "auto/8",
                "EVERYSPAN_CLASSIFY_LEASE_SECONDS": str(lease),
                "EVERYSPAN_CLASSIFY_TRACE_QUIET_SECONDS": "0",
                "EVERYSPAN_DATA": str(tmp_path),
            },
        )
        for number in range(3)
    ]
    try:
        until(lambda: sorted(alive().values()) == [2, 3, 3], 120)
        spoken()
        until(all_judged, 60)
        for signal_, left in ((signal.SIGSTOP, 2), (signal.SIGKILL, 1)):
            processes[left].send_signal(signal_)
            gone = time.monotonic()
            until(partial(all_held_by, left))
            assert time.monotonic() - gone < 2.5 * lease + 10  # a machine that has others to run
            spoken()
            until(all_judged, 60)
        processes[2].send_signal(signal.SIGCONT)
        until(lambda: sorted(alive().values()) == [4, 4])
        spoken()
        until(all_judged, 60)
        assert "starts anew with none" in (tmp_path / "2.log").read_text()
    finally:
        for each in processes:
            each.kill()
            each.wait()
