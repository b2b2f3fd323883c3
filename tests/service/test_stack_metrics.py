"""The stack's own metrics in ClickHouse."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client
from prometheus_client import CollectorRegistry, Counter, Histogram

from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings
from service.stack_metrics import StackMetrics
from tests.clickhouse.migrated import migrated


def test_counters_are_stored_as_they_are(tmp_path: Path) -> None:
    settings = ClickHouseSettings(data=tmp_path)
    client = connect(settings.dsn)
    migrated(client, settings)
    registry = CollectorRegistry()
    counted = Counter("jobs", "Jobs.", ["kind"], registry=registry)
    took = Histogram("took_seconds", "Time.", registry=registry)
    counted.labels("good").inc(3)
    took.observe(0.5)
    away = True

    def connected() -> Client:
        if away:
            raise ConnectionError("away")
        return connect(settings.dsn)

    metrics = StackMetrics({"classify": registry}, connected, "everyspan", every=0.01)
    metrics.start()
    away = False
    counted.labels("good").inc()
    metrics.stop()
    rows = client.query(
        "SELECT service, metric, labels, max(value) FROM everyspan.stack_metrics"
        " GROUP BY ALL ORDER BY metric"
    ).result_rows
    assert rows == [
        ("classify", "jobs_total", {"kind": "good"}, 4.0),
        ("classify", "took_seconds_count", {}, 1.0),
        ("classify", "took_seconds_sum", {}, 0.5),
    ]
    client.close()
