"""How much classifiers can tell, and what fails as far as all scores tell, on real ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.coverage import told as told_by_status
from classify.signals.combiner import Rate
from grafana.build import rules, seasonal, told
from grafana.thresholds import read
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows
from tests.grafana import seed
from tests.grafana.test_sql import expanded, fill

RATE = Rate(healthy=0.1, failing=0.7, healthy_spread=0.01, failing_spread=0.1)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("told") / "clickhouse") as found:
        yield found


@pytest.fixture
def client(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(told, "rates", lambda: {"toxicity": RATE})
    with without_rows(dsn, seed.add_verdict_columns) as (client, name):
        client.database = name
        yield client


def insert(
    client: Client, number: int, label: str, score: str, evidence: str = "", days: int = 0
) -> None:
    client.command(
        "INSERT INTO spans_raw (trace_id, span_id, service_name, start_time, ingested_at,"
        " verdict_at, verdict_version, toxicity, toxicity_score, evidence)"
        f" SELECT lower(hex(generateUUIDv4())), lower(hex(rand64())), 'chat',"
        f" now64(9) - toIntervalDay({days}) - toIntervalSecond(number % 600 + 400),"
        f" now64(3) - toIntervalDay({days}) - toIntervalSecond(400),"
        f" now64(3) - toIntervalDay({days}), 1, '{label}', {score},"
        f" if('{evidence}' = '', map(), map('toxicity', '{evidence}'))"
        f" FROM numbers({number})"
    )


def rows(client: Client, sql: str) -> list[dict[str, Any]]:
    variables = dict.fromkeys(
        ("service", "environment", "model", "prompt_version", "classifier", "user"), "$__all"
    )
    variables["replays"] = "left out"
    found = client.query(expanded(fill(sql, variables), timedelta(hours=3)))
    return [dict(zip(found.column_names, row, strict=True)) for row in found.result_rows]


def panel_sql() -> str:
    panel = told.told_table(1, ["toxicity", "jailbreak"])
    sql: str = panel["targets"][0]["rawSql"]
    return sql


def test_estimated_from_all_scores_with_what_nobody_could_tell(client: Client) -> None:
    insert(client, 800, "pass", "0.1")
    insert(client, 190, "pass", "0.7")
    insert(client, 10, "fail", "0.7")
    insert(client, 250, "abstained", "nan", "another language")
    insert(client, 5, "abstained", "nan", "no text")
    insert(client, 400, "not_applicable", "nan")
    (found,) = rows(client, panel_sql())
    assert found["classifier"] == "toxicity"
    assert (found["judged"], found["abstained"], found["failed"]) == (1000, 255, 10)
    assert found["told"] == pytest.approx(1000 / 1255)
    assert found["fail_rate"] == pytest.approx(0.01)
    assert found["estimated"] == pytest.approx(0.2, abs=0.001)
    # Sampling (p(1-p)/n) and the spread between healthy sources, of the distance of 0.6.
    half = 1.96 * ((0.2 * 0.8 / 1000) + (0.01 / 0.6) ** 2) ** 0.5
    assert found["interval"] == f"{100 * (0.2 - half):.0f}–{100 * (0.2 + half):.0f} %"
    assert found["why_not"] == "another language"
    shown = told_by_status(client, str(client.database), ["toxicity", "jailbreak"])
    assert (shown["toxicity"].judged, shown["toxicity"].abstained) == (1000, 255)
    assert shown["toxicity"].share == pytest.approx(1000 / 1255)
    assert shown["jailbreak"].share is None


def test_a_healthy_service_is_estimated_at_nothing_and_never_below(client: Client) -> None:
    insert(client, 1000, "pass", "0.02")
    (found,) = rows(client, panel_sql())
    assert (found["estimated"], found["interval"]) == (0, "0–0 %")


def test_fails_of_which_the_scores_know_nothing_have_their_own_interval(client: Client) -> None:
    insert(client, 128, "pass", "0.02")
    insert(client, 2, "fail", "0.02")
    (found,) = rows(client, panel_sql())
    assert (found["estimated"], found["interval"]) == (pytest.approx(0.0042, abs=1e-4), "0.4–5.4 %")


def test_drift_shows_where_nothing_is_certain_enough_to_fail(client: Client) -> None:
    for week in range(1, 5):
        insert(client, 300, "pass", "0.1 + 0.02 * (rand() % 3)", days=7 * week)
    insert(client, 300, "pass", "0.3 + 0.02 * (rand() % 3)")
    counted = seasonal.drift_counts(["toxicity"], "WHERE 1", "$__toTime", ["service_name"])
    sql = seasonal.drift(counted, ["service_name"])
    (found,) = rows(client, sql)
    assert found["z"] > read().drift.z
    assert found["fail_rate"] - found["usual"] == pytest.approx(0.2 / 0.6, abs=0.02)


def test_the_rule_fires_where_a_classifier_cannot_tell(client: Client) -> None:
    (rule,) = [each for each in rules._operational(read()) if each["labels"].get("kind") == "told"]
    sql = rule["data"][0]["model"]["rawSql"]
    least = read().operational.min_told
    insert(client, least, "abstained", "nan", "another language")
    insert(client, least // 2, "pass", "0.1")
    (found,) = rows(client, sql)
    assert found["classifier"] == "toxicity"
    assert found["told"] == pytest.approx(1 / 3, abs=0.01)
    assert found["told"] < read().operational.told
