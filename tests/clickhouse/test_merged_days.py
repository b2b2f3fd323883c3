"""A day that is over becomes one part, in which FINAL has nothing to look for; words of rows from
before their index became smaller are found as well."""

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
        ddl = client.query("SHOW CREATE TABLE spans_raw").result_rows[0][0]
        assert ddl.count("CODEC(ZSTD(2))") == 9
        index = "text_index_posting_list_codec = '{}'"
        assert index.format("bitpacking") in ddl
        for version, codec in enumerate(("none", "bitpacking", "bitpacking")):
            client.command(f"ALTER TABLE spans_raw MODIFY SETTING {index.format(codec)}")
            client.command(
                "INSERT INTO spans_raw"
                " (trace_id, span_id, start_time, verdict_version, name, output)"
                " SELECT 'a', toString(number), toStartOfDay(now() - INTERVAL 1 DAY), toUInt64("
                f"{version}), '{version}', concat('The word', toString(number)) FROM numbers(100)"
                " SETTINGS optimize_on_insert = 0"
            )
        said = "SELECT count(), uniqExact(span_id) FROM {} WHERE hasToken(lowerUTF8(output), '{}')"

        def found(table: str) -> list[tuple[int, int]]:
            return [
                client.query(said.format(table, word)).result_rows[0]
                for word in ("word7", "the", "word700")
            ]

        assert found("spans_raw") == [(3, 1), (300, 100), (0, 0)]
        assert found("spans") == [(1, 1), (100, 100), (0, 0)]
        # The age alone: how long is no matter of ours.
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
        assert found("spans_raw") == [(1, 1), (100, 100), (0, 0)]
