"""An alert shows the rows that its rule fired on, and the step that the failure came from."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerting.case import Case
from alerting.enrich.budget import Budget
from alerting.enrich.enrich import Tools, enrich
from alerting.enrich.find import threshold_of
from alerting.notification import Alert
from alerting.settings import AlertingSettings
from clickhouse.connection import connect
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows
from tests.grafana.test_sql import rules

SECOND = 10**9
RULES = {rule["uid"]: rule for rule in (each.values[0] for each in rules())}
Store = tuple[str, AlertingSettings, Client]


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("fired") / "clickhouse") as found:
        yield found


@pytest.fixture
def store(dsn: str) -> Iterator[Store]:
    with without_rows(dsn) as (client, name):
        settings = AlertingSettings(clickhouse_dsn=dsn, database=name)
        yield dsn, settings, client


def began(hours: float) -> int:
    return time.time_ns() - int((hours * 60 + 1) * 60 * SECOND)


def span(number: int, hours: float = 0, *, step: int = 1, parent: int = 0, **columns: Any) -> Span:
    """A step that began so many hours ago, by the order of its number."""
    defaults: dict[str, Any] = {
        "name": f"step {step}",
        "step_kind": "llm",
        "service_name": "shop",
        "environment": "production",
        "duration_ms": 1000.0,
        "start_time": began(hours) + step * SECOND,
    }
    return Span(
        f"{number:032x}",
        f"{step:016x}",
        f"{parent:016x}" if parent else "",
        **(defaults | columns),
    )


def insert(store: Store, spans: list[Span], **columns: Any) -> None:
    columns = {"verdict_version": 1, "verdict_at": datetime.now(UTC)} | columns
    store[2].insert(
        "spans_raw",
        [*columns_of(spans), *([value] * len(spans) for value in columns.values())],
        column_names=[*SPAN_COLUMNS, *columns],
        column_oriented=True,
        database=store[1].database,
    )


def case(store: Store, uid: str, **labels: str) -> Case:
    """Of an alert of a provisioned rule, as it fires now."""
    rule, now = RULES[uid], datetime.now(UTC)
    alert = Alert.model_validate(
        {
            "status": "firing",
            "labels": rule["labels"]
            | {"alertname": rule["title"], "service": "shop", "environment": "production"}
            | labels,
            "annotations": rule["annotations"],
            "startsAt": (now - timedelta(seconds=5)).isoformat(),
        }
    )
    dsn, settings, _ = store
    return enrich(alert, lambda: connect(dsn), Tools.of(settings), now)


@pytest.mark.parametrize("hours", [0, 2, 7])
def test_a_leak_of_hours_ago_comes_with_trace_evidence_and_step(store: Store, hours: int) -> None:
    told = {"data_leakage": "aws_access_key: AKIA…"}
    # Their times are of when they are made: at once.
    root, leak, last = (span(1, hours, step=n, parent=n > 1) for n in (1, 2, 3))
    insert(store, [root, last])
    insert(store, [leak], data_leakage="fail", evidence=told)
    # Another project's trace with the same ids.
    alphas = [span(1, hours, step=n, parent=1, project="alpha") for n in (2, 4, 5)]
    insert(store, alphas, data_leakage="fail", evidence={"data_leakage": "said in alpha"})
    found = case(store, "everyspan-data-leakage")
    assert (found.failing, found.traces, found.unenriched) == (1, 1, "")
    (failure,) = found.failures
    assert (failure.trace_id, failure.place) == (f"{1:032x}", "2 of 3")
    assert failure.evidence == told["data_leakage"]
    assert failure.replay_command == f"everyspan replay {1:032x} --from-step 2"
    found = case(store, "everyspan-data-leakage", project="alpha")
    assert (found.failing, found.traces) == (3, 1)
    assert {each.evidence for each in found.failures} == {"said in alpha"}
    assert {each.place for each in found.failures} <= {"1 of 3", "2 of 3", "3 of 3"}


def deployed(store: Store, version: int, threshold: float, project: str = "") -> None:
    """A set in which toxicity fails from there."""
    described = json.dumps([{"name": "toxicity", "version": 3, "threshold": threshold}])
    row = {"version": version, "fingerprint": f"set {version}", "classifiers": described}
    row |= {"project": project} if project else {}
    store[2].insert(
        "project_sets" if project else "classifier_sets",
        [[*row.values()]],
        column_names=[*row],
        database=store[1].database,
    )


def test_the_threshold_is_that_of_the_projects_rows(store: Store) -> None:
    def held(project: str, classifier: str = "toxicity") -> float:
        return threshold_of(store[2], store[1].database, classifier, Budget(30), project)

    assert isnan(held("")), "nothing is deployed"
    deployed(store, 1, 0.9)
    assert [held(each) for each in ("", "alpha", "beta")] == [0.9, 0.9, 0.9]
    deployed(store, 2, 0.6, "alpha")
    deployed(store, 3, 0.7, "alpha")
    deployed(store, 4, 0.8)
    assert [held(each) for each in ("", "alpha", "beta")] == [0.8, 0.7, 0.8]
    assert isnan(held("alpha", "promises_refund"))


def test_what_is_no_news_replayed_or_refused_is_not_what_fired(store: Store) -> None:
    obeyed = {"prompt_injection": "fail", "outcomes": {"prompt_injection": "obeyed"}}
    insert(store, [span(1)], **obeyed)
    insert(store, [span(2)], **obeyed, old_verdicts=["prompt_injection"])
    insert(store, [span(3, replay_of=f"{1:032x}")], **obeyed)
    insert(store, [span(4)], prompt_injection="fail", outcomes={"prompt_injection": "refused"})
    found = case(store, "everyspan-prompt-injection")
    assert [failure.trace_id for failure in found.failures] == [f"{1:032x}"]
    assert (found.failing, found.judged) == (1, 2)


def test_long_traces_are_found_by_their_end(store: Store) -> None:
    lasted = 3 * 3600 * 1000.0
    insert(store, [span(1, 3, duration_ms=lasted, status="error", error_type="Timeout")])
    found = case(store, "everyspan-error-rate")
    assert [failure.trace_id for failure in found.failures] == [f"{1:032x}"]


def test_the_step_that_got_429_is_named_not_the_root(store: Store) -> None:
    rows = [
        span(1, step=1, status="error", error_type="RuntimeError", status_message="no answer"),
        span(1, step=2, parent=1),
        span(
            1,
            step=3,
            parent=1,
            status="error",
            error_type="429",
            status_message="rate limit reached",
            code_file="agent.py",
            code_line=7,
        ),
        span(1, step=4, parent=1),
    ]
    insert(store, rows)
    (failure,) = case(store, "everyspan-error-rate").failures
    assert (failure.place, failure.step_name) == ("3 of 4", "step 3")
    assert failure.evidence == "429: rate limit reached"
    assert failure.replay_command.endswith("--from-step 3")
    assert failure.source is not None
    assert (failure.source.file, failure.source.line) == ("agent.py", 7)
    assert "throttled" in failure.suggested_fix or "429" in failure.suggested_fix


def test_the_command_that_ran_a_replay_is_no_source_line(store: Store) -> None:
    own = {"code_file": "agent.py", "code_line": 12}
    script = {"code_file": ".venv/bin/everyspan", "code_line": 8}
    root, last = span(1, step=1, **own), span(1, step=3, parent=1)
    leak = span(1, step=2, parent=1, **script)
    insert(store, [root, last])
    insert(store, [leak], data_leakage="fail")
    (failure,) = case(store, "everyspan-data-leakage").failures
    assert failure.source is not None
    assert (failure.source.file, failure.source.line) == ("agent.py", 12)
