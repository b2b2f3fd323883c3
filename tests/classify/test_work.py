"""Finding traces that are due."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from classify.job.batch_size import BatchSize
from classify.job.due import DueTrace, Finder, Share, batches
from classify.job.set_numbers import Numbers
from tests.classify.job_store import SECOND, Store, engine, now, store, trace, trace_id


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with engine(tmp_path_factory.mktemp("work")) as dsn, store(dsn) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _empty(db: Store) -> None:
    db.client.command(f"TRUNCATE TABLE {db.database}.spans_raw")
    db.client.command(f"TRUNCATE TABLE {db.database}.span_content")


def finder(
    db: Store, *, quiet: float = 0, version: int = 1, share: tuple[int, int] = (0, 1)
) -> Finder:
    return Finder(
        Share(db.database, Numbers(version), frozenset({share[0]}), share[1]), quiet, 3600
    )


def test_a_trace_is_one_piece_of_work(db: Store) -> None:
    spans = trace(1, 5)
    db.insert(spans)
    (due,) = finder(db).recent(db.client)
    assert (due.trace_id, due.first, due.last, due.rows) == (
        trace_id(1),
        spans[0].start_time,
        spans[-1].start_time,
        5,
    )
    assert 0 <= due.waiting_seconds < 10


def test_what_was_judged_is_not_due(db: Store) -> None:
    db.insert(trace(1))
    db.judge()
    version = db.query("SELECT max(verdict_version) FROM spans_raw")[0][0]
    assert finder(db, version=version).recent(db.client) == []
    assert finder(db, version=version + 1).recent(db.client) == []


def test_quiet(db: Store) -> None:
    db.insert(trace(1))
    assert finder(db, quiet=30).recent(db.client) == []


def test_shares_are_disjoint_and_complete(db: Store) -> None:
    db.insert([span for number in range(60) for span in trace(number, 1)])
    found = [
        {trace.trace_id for trace in finder(db, share=(i, 3)).recent(db.client)} for i in range(3)
    ]
    assert all(found)
    assert sum(map(len, found)) == len(set.union(*found)) == 60


def test_days_for_the_sweep(db: Store) -> None:
    old = now() - 10 * 86_400 * SECOND
    db.insert([*trace(1, start=old), *trace(2)])
    searching = finder(db)
    assert [trace.trace_id for trace in searching.recent(db.client)] == [trace_id(2)]
    days = searching.days(db.client)
    assert len(days) == 2
    assert [trace.trace_id for trace in searching.day(db.client, days[1])] == [trace_id(1)]


def test_content_without_span_is_looked_for_once(
    db: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching = finder(db)
    record = (trace_id(5), f"{2:016x}", now(), 1, "gen_ai.choice", "{}")
    db.insert_content([record])
    assert searching.recent(db.client) == []
    looked: list[int] = []
    original = Finder._with_span

    def counting(self: Finder, client: object, candidates: dict[str, object]) -> list[DueTrace]:
        looked.append(len(candidates))
        return original(self, client, candidates)  # type: ignore[arg-type]

    monkeypatch.setattr(Finder, "_with_span", counting)
    assert searching.recent(db.client) == []
    assert looked == [0]


def test_batches_follow_the_key_and_the_limit() -> None:
    hour = 3600 * SECOND
    due = [DueTrace(f"{i % 5}", i % 2 * hour, i % 2 * hour, 40, 0.0) for i in range(10)]
    found = list(batches(due, lambda: 100))
    assert [len(batch) for batch in found] == [2] * 5
    order = [(trace.first, trace.trace_id) for batch in found for trace in batch]
    assert order == sorted(order)
    assert [len(batch) for batch in batches([DueTrace("a", 0, 0, 500, 0.0)], lambda: 100)] == [1]
    assert list(batches([], lambda: 100)) == []


def test_many_traces_in_one_batch(db: Store) -> None:
    db.insert([span for number in range(9_000) for span in trace(number, 1)])
    assert db.judge() == 9_000


def test_a_batch_is_as_many_rows_as_two_seconds_judge() -> None:
    size = BatchSize(10_000)
    assert size.rows() == 64
    size.took(64, 6.4)
    assert size.rows() == 20
    size.took(20, 20.0)
    assert size.rows() == 8
    # Quick rows again: no leap on the word of a few.
    size.took(8, 0.001)
    assert size.rows() == 32
    for _ in range(8):
        size.took(size.rows(), 0.01)
    assert size.rows() == 10_000
    size.took(0, 5.0)
    assert size.rows() == 10_000
    assert BatchSize(7).rows() == 7


def test_the_size_is_asked_for_each_batch() -> None:
    sizes = iter((1, 1, 3, 3, 3, 3))
    due = [DueTrace(f"{i}", 0, 0, 1, 0.0) for i in range(5)]
    assert [len(batch) for batch in batches(due, lambda: next(sizes))] == [1, 1, 3]
