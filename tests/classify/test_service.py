"""The classify service: its schedule, its HTTP pages, storage that goes away, a clean stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from itertools import count

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import OperationalError
from fastapi.testclient import TestClient
from pydantic import ValidationError

from classify.classifier import Subject
from classify.coverage import coverage
from classify.job.rows import SchemaError
from classify.service import ClassifyService, create_app
from classify.settings import ClassifySettings
from classify.telemetry import Telemetry
from clickhouse.connection import connect
from clickhouse.span import Verdict
from tests.classify.job_store import CALLER, HERE, Store, Tree, Words, trace
from tests.everyspan_up import ROOT


def service(db: Store, connecting: Callable[[], Client] | None = None) -> ClassifyService:
    settings = db.settings.model_copy(update={"classify_interval_seconds": 0.1})
    return ClassifyService(
        settings, connecting or (lambda: connect(db.settings.dsn)), (Words(), Tree())
    )


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too long"
        time.sleep(0.05)


def judged(db: Store) -> int:
    return coverage(db.client, db.database).judged


def test_judges_while_spans_come_in_and_says_so(db: Store) -> None:
    running = service(db)
    with TestClient(create_app(running), HERE, client=CALLER) as http:
        assert http.get("/healthz").status_code == 200
        assert (http.get("/readyz").status_code, http.get("/readyz").text) == (
            503,
            "not ready: starting\n",
        )
        running.start()
        assert http.get("/readyz").status_code == 200
        for number in range(5):
            db.insert(trace(number))
            time.sleep(0.1)
        wait_until(lambda: judged(db) == 15)
        running._observe()
        text = http.get("/metrics").text
        assert "everyspan_classify_rows_total 15.0" in text
        assert 'everyspan_classify_verdicts_total{classifier="words",label="pass"} 10.0' in text
        assert "everyspan_classify_coverage_ratio 1.0" in text
        assert "everyspan_classify_pending_rows 0.0" in text
        assert "everyspan_classify_verdict_version 1.0" in text
        assert running.version == 1
        running.stop()
        running.stop()
        assert http.get("/readyz").text == "not ready: stopped\n"


def test_storage_that_goes_away_and_comes_back(db: Store) -> None:
    away = threading.Event()

    def connecting() -> Client:
        if away.is_set():
            raise OperationalError("connection refused")
        return connect(db.settings.dsn)

    running = service(db, connecting)
    running.start()
    away.set()
    running._job._disconnect()  # type: ignore[union-attr]
    wait_until(lambda: "connection refused" in running.not_ready)
    db.insert(trace(1))
    away.clear()
    wait_until(lambda: judged(db) == 3)
    wait_until(lambda: running.not_ready == "")
    running.stop()


class Endless(Words):
    """Each judgement brings the next trace: a run that never ends."""

    next: Callable[[], None] | None = None

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        if Endless.next is not None:
            Endless.next()
        return super().judge(subjects)


def test_it_is_ready_again_though_the_run_goes_on(db: Store) -> None:
    numbers = count(1)
    away = threading.Event()

    def connecting() -> Client:
        if away.is_set():
            raise OperationalError("connection refused")
        return connect(db.settings.dsn)

    settings = db.settings.model_copy(update={"classify_interval_seconds": 0.1})
    running = ClassifyService(settings, connecting, (Endless(), Tree()))
    running.start()
    away.set()
    running._job._disconnect()  # type: ignore[union-attr]
    wait_until(lambda: "connection refused" in running.not_ready)
    Endless.next = lambda: db.insert(trace(next(numbers)))
    try:
        db.insert(trace(0))
        away.clear()
        wait_until(lambda: running.not_ready == "")
        before = judged(db)
        wait_until(lambda: judged(db) > before)
    finally:
        Endless.next = None
        running.stop()


def test_a_schema_without_the_columns_stops_the_start(db: Store) -> None:
    lacking = ClassifyService(
        db.settings, lambda: connect(db.settings.dsn), (Words(name="absent"),)
    )
    with pytest.raises(SchemaError, match="absent"):
        lacking.start()
    lacking.stop()


def test_built_in_classifiers_have_their_columns(db: Store) -> None:
    running = ClassifyService(db.settings, lambda: connect(db.settings.dsn))
    db.insert(trace(1))
    running.start()
    wait_until(lambda: judged(db) == 3)
    running.stop()
    rows = db.query("SELECT countIf(tool_call_error = ''), countIf(data_leakage = '') FROM spans")
    assert rows == [(0, 0)]


@pytest.mark.parametrize(
    "share", ["", "2/2", "1", "a/b", "-1/2", "1/2/3", "auto/0", "auto/", "auto/a"]
)
def test_a_share_that_is_none_is_refused(share: str) -> None:
    with pytest.raises(ValidationError, match="write auto, or index/count"):
        ClassifySettings(classify_shard=share)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERYSPAN_CLASSIFY_SHARD", "1/4")
    monkeypatch.setenv("EVERYSPAN_CLASSIFY_WORKERS", "3")
    settings = ClassifySettings()
    assert settings.shard == (1, 4)
    assert ClassifySettings(classify_shard="auto").shard == (None, 64)
    assert ClassifySettings(classify_shard=" auto/7 ").shard == (None, 7)
    assert settings.classify_workers == 3
    assert all(field.description for field in ClassifySettings.model_fields.values())


def test_every_metric_is_in_the_readme() -> None:
    text = (ROOT / "classify/README.md").read_text(encoding="utf-8")
    for metric in Telemetry().registry.collect():
        counted = "_total" if metric.type == "counter" else ""
        assert f"| `{metric.name}{counted}` |" in text
