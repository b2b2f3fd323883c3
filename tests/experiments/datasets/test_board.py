"""The dashboard's SQL on versions and measurements that are there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from experiments.datasets import dataset_store
from experiments.datasets.build import build
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.measure import measured
from experiments.datasets.source import Source
from grafana.macros import TimeRange, expand, interval_for
from tests.experiments.datasets.traffic import NOW, insert, usual

BOARD = Path(__file__).parents[3] / "grafana/dashboards/datasets.json"


def test_every_panel_shows_them(source: Source) -> None:
    database = str(source.client.database)
    insert(source.client, database, usual(healthy=6))
    window = (NOW - timedelta(days=1), NOW)
    definition = Definition(where="hallucination = 'fail'", per_cluster=2)
    version = dataset_store.save(
        source.client, database, build(source, "d", definition, window, "ann")
    )
    now = datetime.now(UTC)
    drift, _ = measured(source, version, window, now)
    dataset_store.save_drift(source.client, database, drift)
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    last = TimeRange.last(timedelta(days=1), now + timedelta(minutes=1))
    rows = {}
    for panel in board["panels"]:
        sql = expand(panel["targets"][0]["rawSql"], last, interval_for(last))
        answer = source.client.query(sql)
        rows[panel["title"]] = [
            dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows
        ]
    newest, uncovered, mix, versions = rows.values()
    assert newest[0]["dataset"] == "d"
    assert newest[0]["drift"] == drift.verdict == "fresh"
    assert newest[0]["failures"] == version.failure_count
    assert uncovered[0]["uncovered"] == drift.uncovered
    assert {row["series"] for row in mix} == {
        f"{name} of d v1" for name in ("length", "model", "prompt_version", "topic")
    }
    assert versions[0]["author"] == "ann"
    assert versions[0]["added"] == len(version.items)
    assert versions[0]["made_of"] == "hallucination = 'fail'"
