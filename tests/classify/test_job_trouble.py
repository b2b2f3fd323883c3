"""The classify job when things go wrong: classifiers that raise, kill or hang, stops between two
inserts, traces larger than a batch, rows that can't be stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from classify.coverage import coverage
from classify.job.classify_job import ClassifyJob
from classify.job.rows import Rows
from tests.classify.job_store import (
    SECOND,
    Store,
    Tree,
    Words,
    now,
    trace,
    trace_id,
)


def sample(job: ClassifyJob, where: str) -> float:
    value = job.telemetry.registry.get_sample_value(
        "everyspan_classify_errors_total", {"where": where}
    )
    return value or 0.0


def test_a_classifier_that_raises_costs_only_its_own_verdict(db: Store) -> None:
    spans = trace(1, 4)
    spans[1].output = "raise"
    spans[2].output = "bad"
    db.insert(spans)
    job = db.job()
    assert job.run() == 4
    job.close()
    rows = db.query("SELECT words, tree, evidence['words'] FROM spans ORDER BY span_id")
    assert rows == [
        ("not_applicable", "pass", ""),
        ("abstained", "not_applicable", "classifier error: ValueError: no such word"),
        ("fail", "not_applicable", "‘bad’"),
        ("pass", "not_applicable", ""),
    ]
    assert sample(job, "words") == 1
    assert coverage(db.client, db.database).ratio == 1.0
    assert db.judge() == 0


def test_workers_judge_and_write_like_the_service_itself(db: Store) -> None:
    for number in range(20):
        db.insert(trace(number))
    job = db.job(classify_workers=2, classify_batch_rows=9)
    assert job.run() == 60
    job.close()
    assert db.query("SELECT uniqExact(trace_id), countIf(words = 'pass') FROM spans") == [(20, 40)]


def test_a_classifier_that_kills_its_worker_is_found_and_said(db: Store) -> None:
    for number in range(8):
        spans = trace(number, 2)
        spans[1].output = "exit" if number == 5 else "good"
        db.insert(spans)
    job = db.job(classify_workers=1)
    assert job.run() == 16
    assert sample(job, "worker") > 0
    rows = db.query("SELECT trace_id, words, evidence['words'] FROM spans WHERE step_kind = 'llm'")
    failed = {i: (label, reason) for i, label, reason in rows if label != "pass"}
    assert list(failed) == [trace_id(5)]
    assert failed[trace_id(5)][0] == "abstained"
    assert failed[trace_id(5)][1].startswith("classifier error: a worker process died")
    # The pool goes on.
    db.insert(trace(9))
    assert job.run() == 3
    job.close()


def test_a_classifier_that_hangs_is_stopped(db: Store) -> None:
    spans = trace(1)
    spans[1].output = "hang"
    db.insert(spans)
    # A worker's first batch loads libraries, which takes a busy machine over a second.
    job = db.job(classify_workers=1, classify_timeout_seconds=4)
    assert job.run() == 3
    job.close()
    assert coverage(db.client, db.database).ratio == 1.0


def test_killed_worker_is_replaced(db: Store) -> None:
    job = db.job(classify_workers=1)
    db.insert(trace(1))
    assert job.run() == 3
    (process,) = job._pool._pool._executor._processes.values()  # type: ignore[attr-defined]
    process.kill()
    process.join()
    db.insert(trace(2))
    assert job.run() == 3
    job.close()


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_stop_between_two_inserts_loses_nothing(
    db: Store, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    spans = trace(1, 4)
    spans[3].status = "error"
    db.insert(spans[:3])
    db.judge()
    db.insert(spans[3:])
    stops = Stops(monkeypatch, after=writes)
    with pytest.raises(OperationalError):
        db.judge()
    stops.undo()
    # Root first: as long as it is missing, the late span is pending.
    pending = coverage(db.client, db.database).pending
    assert pending == (1 if writes < 2 else 0)
    db.judge()
    rows = db.query("SELECT tree, verdict_version FROM spans ORDER BY span_id")
    assert rows == [("fail", 1), *[("not_applicable", 1)] * 3]
    assert coverage(db.client, db.database).pending == 0


class Stops:
    """Lets so many inserts through, then none, as if the service had been killed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self._patch = monkeypatch
        left = after
        stored = Rows.write_spans

        def write(rows: Rows, block: bytes) -> None:
            nonlocal left
            if left == 0:
                raise OperationalError("stopped")
            left -= 1
            stored(rows, block)
            if left == 0:
                raise OperationalError("stopped")

        monkeypatch.setattr(Rows, "write_spans", write)

    def undo(self) -> None:
        self._patch.undo()


def test_one_trace_that_cant_be_stored_does_not_hold_up_the_rest(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        db.insert(trace(number, 2))
    poison = trace_id(4).encode()
    stored = Rows.write_spans

    def write(rows: Rows, block: bytes) -> None:
        if poison in block:
            raise DatabaseError("no")
        stored(rows, block)

    monkeypatch.setattr(Rows, "write_spans", write)
    job = db.job()
    assert job.run() == 10
    assert sample(job, "trace") == 1
    assert job.run() == 0
    monkeypatch.undo()
    job.close()
    assert db.judge() == 2


def test_a_storage_that_refuses_everything_ends_the_run(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        db.insert(trace(number, 1))

    def write(rows: Rows, block: bytes) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(Rows, "write_spans", write)
    with pytest.raises(DatabaseError, match="disk full"):
        db.judge()


@pytest.mark.parametrize("steps", [3_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_a_trace_of_many_batches_is_judged_whole(db: Store, steps: int) -> None:
    spans = trace(1, steps)
    spans[-1].status = "error"
    for start in range(0, steps, steps // 3):
        db.insert(spans[start : start + steps // 3])
    assert db.judge(classify_batch_rows=steps * 7 // 30) == steps
    assert db.query("SELECT tree, evidence['tree'] FROM spans WHERE parent_span_id = ''") == [
        ("fail", f"1 of {steps} steps")
    ]
    assert db.query("SELECT countIf(words = 'pass'), countIf(tree != 'not_applicable') FROM spans")[
        0
    ] == (steps - 1, 1)


def test_a_trace_too_large_to_load_is_judged_in_stretches(db: Store) -> None:
    spans = trace(1, 300)
    for span in spans[1:]:
        span.input = "x" * 5_000
    spans[7].output = "bad"
    db.insert(spans)
    db.insert(trace(2))
    assert db.judge(classify_batch_bytes=1 << 17) == 303
    rows = db.query(
        "SELECT count(), countIf(tree = 'pass'), countIf(words = 'fail'), countIf(words = '')"
        " FROM spans"
    )
    assert rows == [(303, 2, 1, 0)]
    assert db.query(f"SELECT tree FROM spans WHERE span_id = '{1:016x}'") == [("pass",)] * 2


def test_spans_of_one_moment_that_are_too_large_are_loaded_anyway(db: Store) -> None:
    spans = trace(1, 40)
    for span in spans:
        span.start_time = spans[0].start_time
        span.input = "x" * 10_000
    db.insert(spans)
    assert db.judge(classify_batch_bytes=1 << 16) == 40


def test_a_trace_of_many_days_is_judged_to_its_end(db: Store) -> None:
    start = now() - 25 * 86_400 * SECOND
    for days in range(24):
        span = trace(1, 1, start=start + days * 86_400 * SECOND)[0]
        db.insert([replace(span, span_id=f"{days + 1:016x}")])
    db.judge()
    assert coverage(db.client, db.database).pending == 0


def test_loops_and_orphans_of_a_trace(db: Store) -> None:
    spans = trace(1, 4)
    spans[0].parent_span_id = spans[1].span_id
    spans[3].parent_span_id = spans[3].span_id
    orphans = [replace(s, trace_id=trace_id(2), parent_span_id=f"{99:016x}") for s in spans]
    db.insert([*spans, *orphans])
    assert db.judge() == 8
    assert db.query("SELECT countIf(tree = 'pass') FROM spans GROUP BY trace_id") == [(1,), (1,)]


def test_a_run_that_is_told_to_stop_ends_after_the_batch(db: Store) -> None:
    for number in range(10):
        db.insert(trace(number))
    calls: list[Any] = []

    def stopping() -> bool:
        calls.append(1)
        return len(calls) > 3

    job = db.job(Tree(), classify_batch_rows=3)
    written = job.run(stopping)
    assert 0 < written < 30
    assert job.run() == 30 - written
    job.close()


def test_the_sweep_finds_what_is_older_than_two_days(db: Store) -> None:
    job = db.job(Words())
    job._late_at = float("inf")
    assert job.run() == 0
    db.insert(trace(1, start=now() - 4 * 86_400 * SECOND))
    assert job.run() == 0
    job._sweep_at = 0.0
    assert job.run() == 3
    job.close()


def test_what_comes_days_late_does_not_wait_for_the_sweep(db: Store) -> None:
    job = db.job(Words())
    assert job.run() == 0
    db.insert(trace(1, start=now() - 4 * 86_400 * SECOND))
    job._late_at = 0.0
    assert job.run() == 3
    job._late_at = 0.0
    assert job.run() == 0
    job.close()
