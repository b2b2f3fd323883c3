"""Thresholds relative to a service's own traffic: computed by ClickHouse, said by ``status``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from classify.job.own_traffic import limits
from classify.thresholds import OfOwnTraffic, ThresholdError, read_thresholds, with_thresholds
from clickhouse.span import Span
from tests.classify.job_store import Store, Tree, engine, now, store
from tests.classify.weighed_words import WeighedWords


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Store]:
    with engine(tmp_path / "data") as dsn, store(dsn) as found:
        yield found


def spans(service: str, number: int, output: str, first: int) -> list[Span]:
    return [
        Span(
            f"{first + i:032x}", "1" * 16, name="chat", step_kind="llm", output=output,
            service_name=service, start_time=now(), duration_ms=1.0,
        )
        for i in range(number)
    ]  # fmt: skip


def test_what_is_worse_than_99_percent_of_its_service_fails(db: Store) -> None:
    classifiers = with_thresholds((WeighedWords(), Tree()), read_thresholds("words=p99"))
    db.insert(spans("doubtful", 600, "bad bad bad", 0) + spans("small", 20, "bad bad bad", 5000))
    db.judge(*classifiers)
    # Nobody knows yet what is usual.
    assert db.query("SELECT countIf(words = 'fail'), count() FROM spans") == [(0, 620)]
    found = limits(db.another_client(), db.database, {"words": 0.99})
    assert found == {"words": {"doubtful": pytest.approx(0.5, abs=0.01)}}
    worse = "bad bad bad bad"
    db.insert(spans("doubtful", 1, worse, 9000) + spans("small", 1, worse, 9001))
    db.judge(*classifiers)
    rows = db.query(
        "SELECT service_name, words, evidence['words'] FROM spans"
        f" WHERE output = '{worse}' ORDER BY service_name"
    )
    assert rows == [
        ("doubtful", "fail", "says bad, part 1: bad bad bad bad"),
        ("small", "pass", ""),
    ]
    # The deployed set says that it is relative.
    assert '"quantile": 0.99' in db.query("SELECT max(classifiers) FROM classifier_sets")[0][0]


def test_what_is_healthier_than_not_fails_nowhere(db: Store) -> None:
    classifiers = with_thresholds((WeighedWords(),), read_thresholds("words=p50.5"))
    db.insert(spans("healthy", 600, "fine", 0))
    db.judge(*classifiers)
    db.insert(spans("healthy", 1, "bad", 9000))
    db.judge(*classifiers)
    assert db.query("SELECT countIf(words = 'fail') FROM spans") == [(0,)]


def test_how_it_is_written() -> None:
    assert read_thresholds("a=p99, b=p99.5, c=0.9") == {
        "a": OfOwnTraffic(0.99),
        "b": OfOwnTraffic(0.995),
        "c": 0.9,
    }
    for wrong in ("a=p5", "a=p40", "a=p100", "a=p", "a=99p"):
        with pytest.raises(ThresholdError, match="percentile"):
            read_thresholds(wrong)
    with pytest.raises(ThresholdError, match="tree decides by rules"):
        with_thresholds((Tree(),), read_thresholds("tree=p99"))
