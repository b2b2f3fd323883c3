"""Judging again: after a new classifier set, and when somebody asks for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from classify.coverage import coverage
from classify.job.due import Share
from classify.job.rejudge import OldRows, Pace, ask, left
from classify.job.set_numbers import Numbers
from classify.service import ClassifyService, create_app
from classify.thresholds import ThresholdError, read_thresholds, with_thresholds
from clickhouse.connection import connect
from clickhouse.erasure.old_text import remove_old_text
from tests.classify.job_store import (
    CALLER,
    HERE,
    SECOND,
    Store,
    Tree,
    Words,
    now,
    trace,
    trace_id,
)

DAY = 86_400 * SECOND


def test_newest_first_day_by_day(db: Store) -> None:
    for number, days in ((1, 9), (2, 0), (3, 4)):
        db.insert(trace(number, start=now() - days * DAY))
    db.judge()
    old = OldRows(Share(db.database, Numbers(2), frozenset({0}), 1))
    old.look(db.client, everywhere=True)
    found = []
    while taken := old.take(db.client, 1)[0]:
        found += [each.trace_id for each in taken]
    assert found == [trace_id(2), trace_id(3), trace_id(1)]


def test_new_rows_are_judged_whatever_is_left_of_the_budget(db: Store) -> None:
    db.insert([span for number in range(300) for span in trace(number)])
    db.judge()
    job = db.job(Words(version=2), Tree(), classify_rejudge_share=0.05)
    first = job.run()
    assert 0 < first < 900, "one batch, then it must rest"
    db.insert(trace(1000))
    assert job.run() == 3, "the new rows only"
    found = coverage(db.client, db.database)
    assert (found.pending, found.ratio) == (0, 1.0), "an older set's verdicts count as verdicts"
    assert found.outdated == 903 - first - 3 == left(db.client, db.database)
    job.close()


def test_what_has_no_text_any_more_keeps_its_verdicts(db: Store) -> None:
    """Of a trace that began on a day whose texts are gone, too."""
    midnight = now() // DAY * DAY
    db.insert(trace(1, start=midnight - 8 * DAY))
    db.insert([*trace(2, start=midnight - 7 * DAY - 1), *trace(3, start=midnight - 6 * DAY)])
    db.judge()
    said = "SELECT trace_id, span_id, words, tree, verdict_version FROM spans ORDER BY ALL"
    before = db.query(said)
    assert remove_old_text(db.client, db.settings, 7)["spans_raw"]
    gone = set(db.query("SELECT trace_id, span_id FROM spans WHERE text_removed"))
    assert {trace for trace, _ in gone} == {trace_id(1), trace_id(2)}
    young = [row for row in before if row[:2] not in gone]
    assert {row[0] for row in young} == {trace_id(2), trace_id(3)}, "one lies across midnight"
    assert db.judge(Words(version=2), Tree(), classify_rejudge_share=1) == len(young)
    after = db.query(said)
    assert [row for row in after if row[:2] in gone] == [row for row in before if row[:2] in gone]
    assert {row[4] for row in after if row[:2] not in gone} == {before[0][4] + 1}
    assert left(db.client, db.database) == 0


def test_share_0_leaves_old_rows_alone(db: Store) -> None:
    db.insert(trace(1))
    db.judge()
    assert db.judge(Words(version=2), Tree(), classify_rejudge_share=0) == 0


def test_asked_for_rows_are_written_though_nothing_changed(db: Store) -> None:
    start = now()
    for number, hours in ((1, 30), (2, 10), (3, 1)):
        db.insert(trace(number, start=start - hours * 3600 * SECOND))
    db.judge()
    before = db.query("SELECT trace_id, max(verdict_at) FROM spans GROUP BY 1 ORDER BY 1")
    time.sleep(0.01)
    moment = datetime.now(UTC)
    ask(db.client, db.database, moment - timedelta(hours=12), moment - timedelta(hours=5))
    assert left(db.client, db.database) == 3
    assert db.judge(classify_rejudge_share=1) == 3
    after = db.query("SELECT trace_id, max(verdict_at) FROM spans GROUP BY 1 ORDER BY 1")
    changed = [old[0] for old, new in zip(before, after, strict=True) if old[1] != new[1]]
    assert changed == [trace_id(2)]
    assert left(db.client, db.database) == 0
    assert db.judge(classify_rejudge_share=1) == 0, "once is enough"


def test_asked_for_over_http(db: Store) -> None:
    running = ClassifyService(db.settings, lambda: connect(db.settings.dsn), (Words(), Tree()))
    with TestClient(create_app(running), HERE, client=CALLER) as http:
        moment = datetime.now(UTC)
        good = {"since": (moment - timedelta(days=1)).isoformat(), "until": moment.isoformat()}
        assert http.post("/v1/rejudge", json=good).status_code == 202
        assert db.query("SELECT count() FROM rejudge_requests") == [(1,)]
        wrong = http.post("/v1/rejudge", json={"since": good["until"], "until": good["since"]})
        assert wrong.status_code == 422
        assert "must lie before until" in wrong.text
        assert http.post("/v1/rejudge", json={"since": "2026-01-01T00:00"}).status_code == 422


def test_pace_keeps_to_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(0.25, 10_000)
    assert pace.may()
    clock = 1000.0
    monkeypatch.setattr("classify.job.rejudge.time", SimpleNamespace(monotonic=lambda: clock))
    pace.took(0.05)
    clock += 0.14
    assert not pace.may(), "a quarter: 0.05 s of work, 0.15 s of rest"
    clock += 0.02
    assert pace.may()
    assert pace.rows > 200, "batches grow to about two seconds"
    for _ in range(9):
        pace.took(60.0)
    assert pace.rows == 20
    assert not Pace(0.0, 100).may()


def test_thresholds_change_labels_and_the_set(db: Store) -> None:
    db.insert(trace(1))
    db.judge()
    strict = with_thresholds((Words(), Tree()), read_thresholds("words=0.05"))
    assert [c.threshold for c in strict] == [0.05, 0.5]
    db.judge(*strict)
    assert db.query("SELECT count(DISTINCT verdict_version), max(verdict_version) FROM spans") == [
        (1, 2)
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("words", "write name=score"),
        ("words=2", "write name=score"),
        ("words=0", "write name=score"),
        ("words=0.5, words=0.6", "there twice"),
    ],
)
def test_what_is_no_threshold_is_named(text: str, told: str) -> None:
    with pytest.raises(ThresholdError, match=told):
        read_thresholds(text)


def test_a_threshold_of_no_classifier_names_those_there_are() -> None:
    with pytest.raises(ThresholdError, match=r"'wrods'; use one of words, tree"):
        with_thresholds((Words(), Tree()), {"wrods": 0.5})
