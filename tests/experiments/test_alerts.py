"""The provisioned rules on experiments that mislead or do harm, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from alerting.enrich.enrich import Tools, enrich
from alerting.message import Message
from alerting.notification import Alert
from alerting.settings import AlertingSettings
from clickhouse.connection import connect
from experiments.experiment_store import start, stop
from experiments.measured import measure
from grafana.evaluation.evaluator import PROVISIONED, read_rules
from grafana.evaluation.expressions import Result, evaluate
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.experiments.recorded import PRIMARY, definition, insert, sessions

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, AlertingSettings]]:
    """Three running experiments: one without trouble, one whose split is off, one with a variant
    that hallucinates; and one of the latter kind that was stopped."""
    folder = tmp_path_factory.mktemp("experiments")
    with engine(folder / "clickhouse") as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        client.database = settings.database
        name = settings.database
        bad = {"a": 0.05, "b": 0.5}
        insert(client, name, sessions(400, 1, experiment="fine"))
        insert(client, name, sessions(500, 2, experiment="split", weights={"a": 1, "b": 0.5}))
        insert(client, name, sessions(400, 3, experiment="harm", hallucinated=bad))
        insert(client, name, sessions(400, 4, experiment="over", hallucinated=bad))
        metrics = [PRIMARY, {"metric": "hallucination", "role": "guardrail", "margin": 0.01}]
        for each in ("fine", "split", "harm", "over"):
            start(client, name, definition(each, metrics=metrics), since=LONG_AGO)
        # Rules read what was seen before it was stopped, but not of what is stopped.
        measure(client, name)
        stop(client, name, "over")
        alerting = AlertingSettings(
            clickhouse_dsn=dsn, database=name, data=folder, enrich_seconds=60
        )
        yield client, alerting


def firing(client: Client, uid: str) -> list[Result]:
    (rule,) = [
        rule for group in read_rules(PROVISIONED).groups for rule in group.rules if rule.uid == uid
    ]

    def run(sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        found = client.query(sql)
        return found.column_names, found.result_rows

    return [each for each in evaluate(rule, run, datetime.now(UTC)) if each.firing]


def test_a_split_that_is_off(store: tuple[Client, AlertingSettings]) -> None:
    (found,) = firing(store[0], "everyspan-experiment-split")
    assert dict(found.labels) == {"experiment": "split", "project": ""}
    assert found.values["B"] >= 1000


def test_a_guardrail_that_is_lost(store: tuple[Client, AlertingSettings]) -> None:
    client, settings = store
    (found,) = firing(client, "everyspan-experiment-guardrail")
    assert dict(found.labels) == {
        "experiment": "harm",
        "project": "",
        "variant": "b",
        "metric": "hallucination",
    }
    assert 0 < found.values["B"] < 0.5
    # Whoever is told sees failing steps of that variant, and of no other.
    labels = {
        **dict(found.labels),
        "kind": "experiment_guardrail",
        "alertname": "A variant loses a guard-rail",
    }
    now = datetime.now(UTC)
    alert = Alert(
        status="firing",
        labels=labels,
        annotations={"window_seconds": "10800"},
        starts_at=now,
        ends_at=None,
        fingerprint="f",
        values={},
    )
    case = enrich(alert, lambda: connect(settings.dsn), Tools.of(settings), now)
    assert not case.unenriched
    failing = client.query(
        f"SELECT countIf(hallucination = 'fail'), count() FROM {settings.database}.spans"
        " WHERE experiments['harm'] = 'b' AND hallucination IN ('pass', 'fail')"
    ).result_rows[0]
    assert (case.failing, case.judged) == failing
    told = Message("trigger", "k", labels, {}, now, case).headline
    assert "A variant loses a guard-rail · harm b · step" in told
