"""An agent's repository, and a ClickHouse with its failing traces."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from alerting.settings import AlertingSettings
from classify.classifiers import hallucination
from classify.job.deployed_set import deploy
from clickhouse.migrate import migrate
from clickhouse.span import SPAN_COLUMNS, columns_of
from tests.alerting.failing_traces import trace
from tests.clickhouse.databases import database, engine


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with an agent of 20 lines, changed since the revision that ran."""
    folder = tmp_path_factory.mktemp("code") / "agent"
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    file = folder / "agent.py"
    file.write_text("".join(f"line_{number} = {number}\n" for number in range(1, 21)))
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "Answer from the pages"], check=True)
    file.write_text("moved = 0\n" + file.read_text())
    return folder


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, agent: Path
) -> Iterator[tuple[str, AlertingSettings, Client]]:
    with (
        engine(tmp_path_factory.mktemp("enrich") / "clickhouse") as dsn,
        database(dsn) as (client, made),
    ):
        migrate(client, made)
        deploy(client, made.database, [hallucination.classifier])
        healthy = [trace(n, 30 + n * 5, False, agent) for n in range(1, 41)]
        failing = [trace(n, 5 + (n - 100) * 2, True, agent) for n in range(101, 109)]
        spans = [span for each in (*healthy, *failing) for span in each]
        labels = [
            ("fail" if int(s.trace_id, 16) > 100 else "pass") if s.name == "answer" else ""
            for s in spans
        ]
        kinds = ["“Delivered on Monday” is not supported by document 1 of search", "no document"]
        evidence = [
            {"hallucination": kinds[int(s.trace_id, 16) % 4 == 0] + " a.b@mail-post.eu"}
            | {"promises_refund": "output: a refund is on its way"}
            if label == "fail"
            else {}
            for s, label in zip(spans, labels, strict=True)
        ]
        client.insert(
            "spans_raw",
            [
                *columns_of(spans),
                labels,
                [0.97 if label == "fail" else 0.1 for label in labels],
                evidence,
                [1] * len(spans),
                [{"promises_refund": label} if label else {} for label in labels],
                [{"promises_refund": 0.8} if label == "fail" else {} for label in labels],
                [datetime.fromtimestamp(s.end_time / 1e9 + 10, UTC) for s in spans],
            ],
            column_names=[
                *SPAN_COLUMNS,
                "hallucination",
                "hallucination_score",
                "evidence",
                "verdict_version",
                "custom",
                "custom_scores",
                "verdict_at",
            ],
            column_oriented=True,
            database=made.database,
        )
        client.insert(
            "custom_classifiers",
            [["promises_refund", 1, "live"]],
            column_names=["name", "revision", "state"],
            database=made.database,
        )
        settings = AlertingSettings(
            clickhouse_dsn=dsn,
            database=made.database,
            source_roots=f"/app={agent}",
            grafana_url="https://grafana.example",
        )
        yield dsn, settings, client
