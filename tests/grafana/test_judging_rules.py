"""The rules that watch judging itself, on samples as the services write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from grafana.evaluation.evaluator import PROVISIONED, read_rules
from grafana.evaluation.expressions import evaluate
from service.stack_metrics import stack_troubles
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("judging") / "clickhouse") as found:
        yield found


@pytest.fixture
def client(dsn: str) -> Iterator[Client]:
    with without_rows(dsn) as (client, name):
        client.database = name
        yield client


def sample(
    client: Client,
    seconds_ago: float,
    metric: str,
    value: float,
    instance: str = "a",
    **labels: str,
) -> None:
    client.insert(
        "stack_metrics",
        [
            [
                datetime.now(UTC) - timedelta(seconds=seconds_ago),
                "classify",
                instance,
                metric,
                labels,
                value,
            ]
        ],
        column_names=["time", "service", "instance", "metric", "labels", "value"],
    )


def firing(client: Client, uid: str) -> dict[str, float]:
    """The series' only label's value to the rule's figure."""
    (rule,) = [r for group in read_rules(PROVISIONED).groups for r in group.rules if r.uid == uid]

    def run(sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        found = client.query(sql)
        return found.column_names, found.result_rows

    results = [each for each in evaluate(rule, run, datetime.now(UTC)) if each.firing]
    return {next(iter(dict(each.labels).values())): float(each.values["B"]) for each in results}


def test_a_broken_classifier(client: Client) -> None:
    metric = "everyspan_classify_broken"
    for ago, value in ((90, 0), (75, 1), (15, 1)):
        sample(client, ago, metric, value, classifier="toxicity")
    for ago, value in ((75, 1), (15, 0)):
        sample(client, ago, metric, value, classifier="jailbreak")
    # One worker of two.
    sample(client, 10, metric, 0, instance="b", classifier="toxicity")
    assert firing(client, "everyspan-classifier-broken") == {"toxicity": 1.0}
    assert stack_troubles(client, client.database).broken == ["toxicity"]


def test_errors(client: Client) -> None:
    metric = "everyspan_classify_errors_total"
    # 400 long ago and none since; 20 since a counter was made; 5 are too few; a restart in between.
    for ago in (7200, 3600, 15):
        sample(client, ago, metric, 400, where="storage")
    sample(client, 60, metric, 20, where="toxicity")
    sample(client, 60, metric, 5, where="worker")
    sample(client, 1800, metric, 900, instance="old", where="usage")
    sample(client, 60, metric, 12, instance="new", where="usage")
    found = firing(client, "everyspan-classify-errors")
    assert found == {"toxicity": 20.0, "usage": 12.0}
    errors = stack_troubles(client, client.database).errors
    assert errors == {"storage": 400, "toxicity": 20, "usage": 912, "worker": 5}


def test_records_that_are_set_aside(client: Client) -> None:
    metric = "everyspan_records_set_aside"
    sample(client, 15, metric, 2, table="custom_classifiers")
    sample(client, 15, metric, 0, table="experiments")
    assert firing(client, "everyspan-records-set-aside") == {"custom_classifiers": 2.0}
