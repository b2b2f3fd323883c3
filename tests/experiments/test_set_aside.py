"""Experiments and data sets whose records can't be read: set aside, and the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from classify.job.rejudge import left, requests
from clickhouse import set_aside
from clickhouse.connection import connect
from experiments.datasets.dataset_definition import Definition as DatasetDefinition
from experiments.datasets.dataset_store import last_drift, load, save, versions
from experiments.datasets.errors import UnknownDatasetError
from experiments.datasets.item import Version, content_hash
from experiments.experiment_store import StateError, start, stop, stored
from experiments.status import status
from experiments.views import classifiers
from experiments.watch import Watch
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows
from tests.experiments.recorded import definition, insert, sessions

LONG_AGO = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("aside") / "clickhouse") as found:
        yield found


@pytest.fixture
def client(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(set_aside, "_found", {})
    with without_rows(dsn) as (client, name):
        client.database = name
        yield client


def poison(client: Client, table: str, **row: Any) -> None:
    client.insert(table, [list(row.values())], column_names=list(row))


BAD = {
    "empty": "",
    "no_json": "{",
    "no_table": "[]",
    "newer": '{"name": "newer", "variants": {"a": 1, "b": 1}, "metrics": [], "arms": 3}',
    "no_metric": '{"name": "no_metric", "variants": {"a": 1}}',
}


def test_experiments(client: Client, dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    metrics = [
        {"metric": "goal_completion", "role": "primary"},
        {"metric": "hallucination", "role": "guardrail", "margin": 0.01},
    ]
    harmful = definition("harm", metrics=metrics, stop_on_loss=True)
    insert(
        client,
        client.database,
        sessions(400, 3, experiment="harm", hallucinated={"a": 0.05, "b": 0.5}),
    )
    start(client, client.database, harmful, since=LONG_AGO)
    for name, text in BAD.items():
        poison(
            client,
            "experiment_changes",
            name=name,
            status="running",
            winner="",
            started_at=LONG_AGO,
            counted_from=LONG_AGO,
            stopped_at=LONG_AGO,
            definition=text.replace("}", ', "stop_on_loss": true}', 1) if "arms" in text else text,
        )
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert list(stored(client, client.database)) == ["harm"]
    assert len([r for r in caplog.records if r.name == "clickhouse.set_aside"]) == len(BAD)
    assert set_aside.counts()["experiments"] == len(BAD)
    assert status(client, client.database, "harm").outcome.verdict == "stop"
    with pytest.raises(StateError, match=r"is set aside.*experiment start empty"):
        status(client, client.database, "empty")
    with pytest.raises(StateError, match="is set aside"):
        stop(client, client.database, "newer")
    # The views read them as well.
    found = client.query("SELECT experiment, verdict FROM experiment_status ORDER BY experiment")
    assert ("harm", "stop") in [tuple(row) for row in found.result_rows]

    def connected() -> Client:
        return connect(dsn)

    watch = Watch(connected, client.database, 60)
    assert watch.look() == ["harm"]
    assert watch.look() == []
    # Started again from its file it is one of the others.
    start(client, client.database, definition("empty"))
    assert sorted(stored(client, client.database)) == ["empty", "harm"]
    assert set_aside.counts()["experiments"] == len(BAD) - 1


def test_a_classifier_whose_name_would_be_sql(client: Client) -> None:
    poison(
        client,
        "custom_classifiers",
        name="x'] OR 1 = 1 --",
        revision=1,
        version=1,
        state="live",
        definition="",
        head="",
        quality="",
        model=0,
        author="",
        source="",
    )
    assert not any("OR" in name for name in classifiers(client, client.database))
    start(client, client.database, definition("fine"))


def test_data_sets(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    at = LONG_AGO.replace(microsecond=0)
    good = Version(
        dataset="refunds",
        content_hash=content_hash([]),
        created_at=at,
        author="",
        definition=DatasetDefinition(where="1"),
        since=at,
        until=at,
        encoder="",
    )
    save(client, client.database, good)
    save(client, client.database, good)
    client.command(
        "INSERT INTO dataset_versions SELECT * REPLACE ('' AS definition, 3 AS version)"
        " FROM dataset_versions LIMIT 1"
    )
    client.command(
        "INSERT INTO dataset_versions SELECT * REPLACE ('other' AS dataset, '[' AS summary)"
        " FROM dataset_versions LIMIT 1"
    )
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert [each.number for each in versions(client, client.database)] == [2, 1]
    assert len([r for r in caplog.records if r.name == "clickhouse.set_aside"]) == 2
    assert load(client, client.database, "refunds").number == 2
    with pytest.raises(UnknownDatasetError, match=r"other version .* is set aside"):
        load(client, client.database, "other")
    assert set_aside.counts()["dataset_versions"] == 2
    client.command(
        "INSERT INTO dataset_drift (dataset, version, verdict) VALUES ('refunds', 1, 'odd')"
    )
    assert last_drift(client, client.database)["", "refunds", 1].verdict == "odd"  # type: ignore[comparison-overlap]


def test_wishes_that_make_no_sense(client: Client) -> None:
    """Their columns have types; what they say may still be no stretch of time."""
    client.command(
        "INSERT INTO rejudge_requests (since, until) VALUES ('2200-01-01 00:00:00',"
        " '1970-01-01 00:00:00'), ('1901-01-01 00:00:00', '2299-01-01 00:00:00')"
    )
    assert len(requests(client, client.database)) == 2
    assert left(client, client.database) == 0
