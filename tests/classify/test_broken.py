"""A classifier that can't work: its rows wait, the others judge, and it catches up in the end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from classify.classifier import Subject
from classify.coverage import coverage
from classify.job import outages
from classify.job.classify_job import ClassifyJob
from classify.job.working import MANY, trouble
from classify.models.checksums import ModelError
from classify.registry import BUILT_IN
from classify.service import ClassifyService, create_app
from classify.signals.weighed import Weighed
from clickhouse.connection import connect
from clickhouse.span import Verdict
from tests.classify.job_store import (
    CALLER,
    HERE,
    SECOND,
    Store,
    Tree,
    Words,
    now,
    trace,
)


@dataclass
class Fragile(Words):
    """Fails as the file ``trouble`` says, in whatever process: its first word."""

    trouble: str = ""
    name: str = "words"

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        path = Path(self.trouble)
        told = path.read_text().strip() if path.exists() else ""
        if told == "model":
            raise ModelError("safety.onnx is missing; reinstall everyspan-server")
        if told == "exit":
            os._exit(3)
        if told == "memory":
            raise MemoryError
        if told == "real rows" and any(s.span.service_name for s in subjects):
            raise RuntimeError("no such operator")
        if told == "little memory" and any("huge" in s.span.output for s in subjects):
            raise RuntimeError("Failed to allocate memory for requested buffer of size 9")
        if told == "everything":
            raise RuntimeError("no such operator")
        return super().judge(subjects)


@pytest.fixture(autouse=True)
def _only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried again by the clock, however slow the machine: see ``retry_now``."""
    monkeypatch.setattr(outages, "FIRST_SECONDS", 3600.0)
    monkeypatch.setattr(outages, "LAST_SECONDS", 3600.0)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """What keeps the classifier from working; delete it to mend it."""
    return tmp_path / "trouble"


def retry_now(job: ClassifyJob) -> None:
    for outage in job._outages._found.values():
        outage.again_at = 0.0


def sample(job: ClassifyJob, metric: str, **labels: str) -> float:
    return job.telemetry.registry.get_sample_value(metric, labels) or 0.0


@pytest.mark.parametrize(
    ("workers", "reason"),
    [
        *((0, reason) for reason in ("model", "everything", "memory", "exit")),
        (1, "model"),
        *(pytest.param(1, r, marks=pytest.mark.slow) for r in ("everything", "memory", "exit")),
    ],
)
def test_its_rows_wait_and_are_judged_when_it_is_back(
    db: Store, told: Path, reason: str, workers: int
) -> None:
    if reason == "exit" and not workers:
        pytest.skip("without workers nothing outlives that")
    told.write_text(reason)
    spans = trace(1)
    spans[1].output = "bad"
    db.insert(spans)
    # With a share of 0 nothing is ever judged again; these were not judged at all.
    job = db.job(
        Fragile(trouble=str(told)), Tree(), classify_workers=workers, classify_rejudge_share=0.0
    )
    assert job.run() == 3
    assert db.query("SELECT words, words_score, tree, unjudged FROM spans ORDER BY span_id")[1] == (
        "",
        pytest.approx(float("nan"), nan_ok=True),
        "not_applicable",
        ["words"],
    )
    assert db.query("SELECT tree, unjudged FROM spans WHERE parent_span_id = ''") == [("pass", [])]
    found = coverage(db.client, db.database)
    assert (found.rows, found.judged, found.pending, found.unjudged) == (3, 1, 2, {"words": 2})
    assert found.oldest_pending_seconds > 0
    assert list(job.broken) == ["words"]
    assert sample(job, "everyspan_classify_broken", classifier="words") == 1
    assert sample(job, "everyspan_classify_verdicts_total", classifier="words", label="pass") == 0
    # Nothing is written again and again meanwhile.
    assert job.run() == 0
    db.insert(trace(2))
    assert job.run() == 3

    told.unlink()
    assert job.run() == 0, "it is not asked each second"
    retry_now(job)
    assert job.run() == 4
    assert dict(job.broken) == {}
    assert sample(job, "everyspan_classify_broken", classifier="words") == 0
    assert coverage(db.client, db.database).ratio == 1.0
    rows = db.query(
        "SELECT words, count(), max(evidence['words']) FROM spans GROUP BY 1 ORDER BY 1"
    )
    assert rows == [("fail", 1, "‘bad’"), ("not_applicable", 2, ""), ("pass", 3, "")]
    assert db.query("SELECT count() FROM spans WHERE notEmpty(unjudged)") == [(0,)]
    job.close()


def test_rows_left_by_an_earlier_process_are_judged_at_the_start(db: Store, told: Path) -> None:
    told.write_text("model")
    db.insert(trace(1, start=now() - 9 * 86_400 * SECOND))
    db.insert(trace(2))
    assert db.judge(Fragile(trouble=str(told)), Tree()) == 6
    told.unlink()
    assert db.judge(Fragile(trouble=str(told)), Tree(), classify_rejudge_share=0.0) == 4
    assert coverage(db.client, db.database).ratio == 1.0
    assert db.query("SELECT DISTINCT verdict_version FROM spans") == [(1,)]


def test_one_that_fails_on_every_real_row_is_broken_too(
    db: Store, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Others of that name have worked in this process.
    monkeypatch.setattr("classify.job.asking._worked", set())
    told.write_text("real rows")
    for number in range(MANY):
        db.insert(trace(number, 2))
    job = db.job(Fragile(name="recall", trouble=str(told)), Tree())
    assert job.run() == 2 * MANY
    assert "all fail: RuntimeError: no such operator" in job.broken["recall"]
    assert coverage(db.client, db.database).unjudged == {"recall": MANY}
    # It is tried, fails again, and is tried later the next time.
    retry_now(job)
    assert job.run() == 0
    assert "recall" in job.broken
    told.unlink()
    retry_now(job)
    assert job.run() == MANY
    assert coverage(db.client, db.database).ratio == 1.0
    job.close()


def test_rows_that_it_cannot_take_do_not_break_it(db: Store) -> None:
    """A stranger who sends many of them turns nothing off."""
    db.insert(trace(1))
    job = db.job()
    assert job.run() == 3
    for number in range(2, 2 + 2 * MANY):
        spans = trace(number, 2)
        spans[1].output = "raise"
        db.insert(spans)
    assert job.run() == 4 * MANY
    assert dict(job.broken) == {}
    assert sample(job, "everyspan_classify_errors_total", where="words") == 2 * MANY
    labels = "SELECT words, count() FROM spans WHERE step_kind = 'llm' GROUP BY 1 ORDER BY 1"
    assert db.query(labels) == [("abstained", 2 * MANY), ("pass", 2)]
    job.close()


def test_memory_that_one_row_takes_leaves_that_row_alone(db: Store, told: Path) -> None:
    told.write_text("little memory")
    spans = trace(1, 4)
    spans[2].output = "huge"
    db.insert(spans)
    job = db.job(Fragile(trouble=str(told)), Tree())
    assert job.run() == 4
    assert dict(job.broken) == {}
    rows = db.query("SELECT words, unjudged FROM spans WHERE step_kind = 'llm' ORDER BY span_id")
    assert rows == [("pass", []), ("", ["words"]), ("pass", [])]
    told.unlink()
    job._back_fill_at = 0.0
    assert job.run() == 1
    assert coverage(db.client, db.database).ratio == 1.0
    job.close()


def test_a_late_span_does_not_take_verdicts_away(db: Store, told: Path) -> None:
    """What a broken classifier has said stays, and the trace is gone over when it is back."""
    first = trace(1, 4)
    first[1].output = "bad"
    db.insert(first[:3])
    assert db.judge(Fragile(trouble=str(told)), Tree()) == 3
    told.write_text("model")
    db.insert(first[3:])
    job = db.job(Fragile(trouble=str(told)), Tree())
    job.run()
    rows = db.query("SELECT words, evidence['words'], unjudged FROM spans ORDER BY span_id")
    assert rows[1:] == [
        ("fail", "‘bad’", ["words"]),
        ("pass", "", ["words"]),
        ("", "", ["words"]),
    ]
    told.unlink()
    retry_now(job)
    job.run()
    rows = db.query("SELECT words, evidence['words'], unjudged FROM spans ORDER BY span_id")
    assert rows[1:] == [("fail", "‘bad’", []), ("pass", "", []), ("pass", "", [])]
    job.close()


def test_old_rows_keep_their_verdicts_while_one_is_broken(db: Store, told: Path) -> None:
    db.insert(trace(1))
    assert db.judge(Words(), Tree()) == 3
    told.write_text("model")
    job = db.job(Fragile(version=2, trouble=str(told)), Tree(), classify_rejudge_share=1.0)
    db.insert(trace(2))
    assert job.run() == 3
    assert job.run() == 0
    assert db.query("SELECT count() FROM spans WHERE verdict_version = 1 AND words = 'pass'") == [
        (2,)
    ]
    told.unlink()
    retry_now(job)
    assert job.run() == 5
    assert db.query("SELECT DISTINCT verdict_version FROM spans") == [(2,)]
    job.close()


def test_readyz_names_it_and_the_remedy(db: Store, told: Path) -> None:
    told.write_text("model")
    settings = db.settings.model_copy(update={"classify_interval_seconds": 3600.0})
    running = ClassifyService(
        settings, lambda: connect(db.settings.dsn), (Fragile(trouble=str(told)), Tree())
    )
    with TestClient(create_app(running), HERE, client=CALLER) as http:
        running.start()
        assert running._job is not None
        db.insert(trace(1))
        running._run(running._job)
        answer = http.get("/readyz")
        assert answer.status_code == 503
        assert answer.text == (
            "not ready: words can't judge, its rows wait: safety.onnx is missing;"
            " reinstall everyspan-server\n"
        )
        assert 'everyspan_classify_broken{classifier="words"} 1.0' in http.get("/metrics").text
        told.unlink()
        retry_now(running._job)
        running._run(running._job)
        assert http.get("/readyz").text == "ok\n"
        running.stop()


@pytest.mark.parametrize("classifier", BUILT_IN, ids=lambda each: each.name)
def test_built_in_ones_take_an_everyday_trace(classifier: Any) -> None:
    assert trouble(classifier) == ""


def test_an_everyday_trace_asks_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise ModelError("gone")

    monkeypatch.setattr("classify.signals.weighed.encoder", gone)
    broken = {each.name for each in BUILT_IN if trouble(each) == "gone"}
    asked = {each.name for each in BUILT_IN if isinstance(each, Weighed) and each._asked()}
    assert broken == asked
    assert asked >= {"jailbreak", "prompt_injection", "toxicity", "retrieval_relevance"}
