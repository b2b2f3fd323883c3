"""What alert rules go by: judged_at and old_verdicts, so that nobody is paged about the past."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from classify.classifier import Subject
from classify.job.rejudge import ask
from clickhouse.span import Verdict
from tests.classify.job_store import SECOND, Store, Tree, Words, now, trace, trace_id


def shift(db: Store, seconds: int, *columns: str) -> None:
    """As if these had been written so much earlier."""
    changes = ", ".join(f"{c} = {c} - toIntervalSecond({seconds})" for c in columns)
    db.client.command(
        f"ALTER TABLE {db.database}.spans_raw UPDATE {changes} WHERE 1",
        settings={"mutations_sync": 1},
    )


class Strict(Words):
    """Another threshold: what passed fails."""

    version = 2

    def _one(self, span):  # type: ignore[no-untyped-def]
        span.output += " bad"
        return super()._one(span)


def told(db: Store, name: str = "words") -> list[tuple[object, ...]]:
    """Seconds since a failing row became news, by the hundred, and whether it is none."""
    return db.query(
        f"SELECT round(dateDiff('millisecond', judged_at, now64(3)) / 1000, -2),"
        f" has(old_verdicts, '{name}') FROM spans WHERE {name} = 'fail'"
    )


def test_the_first_verdict_is_news_however_long_the_span_took(db: Store) -> None:
    spans = trace(1, start=now() - 7 * 3600 * SECOND)
    spans[1].output = "bad"
    db.insert(spans)
    db.judge()
    assert told(db) == [(0, 0)]


@pytest.mark.parametrize("how", ["version", "asked"])
def test_judging_again_is_no_news(db: Store, how: str) -> None:
    db.insert(trace(1))
    db.judge()
    shift(db, 300, "judged_at", "verdict_at", "ingested_at")
    if how == "asked":
        today = datetime.now(UTC)
        ask(db.client, db.database, today - timedelta(days=1), today + timedelta(days=1))
        time.sleep(0.01)
    db.judge(Strict(version=2 if how == "version" else 1), Tree())
    assert told(db) == [(300, 1), (300, 1)]


def test_what_failed_before_stays_news_when_it_is_judged_again(db: Store) -> None:
    spans = trace(1)
    spans[1].output = "bad"
    db.insert(spans)
    db.judge()
    shift(db, 100, "judged_at", "verdict_at", "ingested_at")
    db.judge(Words(version=2), Tree())
    assert told(db) == [(100, 0)]


def test_a_failure_that_a_late_span_brings_is_news_and_the_others_are_not_told_twice(
    db: Store,
) -> None:
    spans = trace(1)
    spans[0].output, spans[0].step_kind = "bad", "llm"
    db.insert(spans)
    db.judge()
    assert (told(db), told(db, "tree")) == ([(0, 0)], [])
    shift(db, 1800, "judged_at", "verdict_at", "ingested_at")
    late = trace(1)[2]
    late.span_id, late.status = "f" * 16, "error"
    db.insert([late])
    db.judge()
    # The trace failed now; its root's own output was told half an hour ago.
    assert told(db, "tree") == [(0, 0)]
    assert told(db, "words") == [(0, 1)]


def test_what_a_mended_classifier_finds_in_rows_of_an_hour_ago_is_no_news(db: Store) -> None:
    for number, seconds in ((1, 7200), (2, 0)):
        spans = trace(number)
        spans[1].output = "bad"
        db.insert(spans)
        db.judge()
        db.client.command(
            f"ALTER TABLE {db.database}.spans_raw UPDATE words = '', unjudged = ['words'],"
            f" ingested_at = ingested_at - toIntervalSecond({seconds}),"
            f" judged_at = judged_at - toIntervalSecond({seconds})"
            f" WHERE trace_id = '{trace_id(number)}'",
            settings={"mutations_sync": 1},
        )
    db.judge()
    assert sorted(told(db)) == [(0, 0), (7200, 1)]


class Attacks(Words):
    """What was asked for is done where a later step says so."""

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [
            replace(verdict, outcome="obeyed" if len(each.trace.spans) > 3 else "answered")
            if verdict.label == "fail"
            else verdict
            for verdict, each in zip(super().judge(subjects), subjects, strict=True)
        ]


def test_an_attack_that_turns_out_to_be_obeyed_is_news(db: Store) -> None:
    spans = trace(1)
    spans[1].output = "bad"
    db.insert(spans)
    db.judge(Attacks(), Tree())
    outcome = "SELECT outcomes['words'] FROM spans WHERE words = 'fail'"
    assert db.query(outcome) == [("answered",)]
    shift(db, 1800, "judged_at", "verdict_at", "ingested_at")
    late = trace(1)[2]
    late.span_id = "f" * 16
    db.insert([late])
    db.judge(Attacks(), Tree())
    assert db.query(outcome) == [("obeyed",)]
    assert told(db) == [(0, 0)]
