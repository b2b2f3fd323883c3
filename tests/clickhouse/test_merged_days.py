"""A day that is over becomes one part, in which FINAL has nothing to look for."""

from __future__ import annotations

import time
from pathlib import Path

from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings
from tests.clickhouse.migrated import migrated


def test_a_day_that_is_over_becomes_one_part(tmp_path: Path) -> None:
    settings = ClickHouseSettings(data=tmp_path)
    with connect(settings.dsn) as client:
        migrated(client, settings)
        client.database = settings.database
        for version in range(3):
            client.command(
                "INSERT INTO spans_raw (trace_id, span_id, start_time, verdict_version, name)"
                " SELECT 'a', toString(number), toStartOfDay(now() - INTERVAL 1 DAY), toUInt64("
                f"{version}), '{version}' FROM numbers(100) SETTINGS optimize_on_insert = 0"
            )
        # The age alone: how long is no matter of ours.
        ddl = client.query("SHOW CREATE TABLE spans_raw").result_rows[0][0]
        assert "min_age_to_force_merge_seconds = 21600" in ddl
        client.command("ALTER TABLE spans_raw MODIFY SETTING min_age_to_force_merge_seconds = 1")
        until = time.monotonic() + 120
        parts = "SELECT rows, level FROM system.parts WHERE active AND table = 'spans_raw'"
        while len(client.query(parts).result_rows) > 1:
            assert time.monotonic() < until
            time.sleep(0.2)
        ((rows, level),) = client.query(parts).result_rows
        assert rows == 100
        assert level > 0
        names = client.query("SELECT DISTINCT name FROM spans").result_rows
        assert names == [("2",)]
