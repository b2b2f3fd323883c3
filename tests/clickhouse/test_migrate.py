"""Migrations: once, twice, at once, half way, and what is refused."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import migrate as migrations
from clickhouse.connection import connect
from clickhouse.content import CONTENT_COLUMNS
from clickhouse.migrate import MigrationError, migrate, read_migrations, render
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import definitions, migrated


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("migrate") / "clickhouse") as found:
        yield found


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations, where a test may change them."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.MIGRATIONS, folder)
    monkeypatch.setattr(migrations, "MIGRATIONS", folder)
    monkeypatch.setattr(migrations.read_migrations, "__defaults__", (folder,))
    return folder


def soon(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_numbers_are_unique_and_in_order() -> None:
    names = [migration.name for migration in read_migrations()]
    assert [name[:4] for name in names] == [f"{i:04}" for i in range(1, len(names) + 1)]


def test_twice_is_as_once(dsn: str) -> None:
    with database(dsn) as (client, settings):
        assert migrate(client, settings) == [m.name for m in read_migrations()]
        assert migrate(client, settings) == []


def test_what_other_tests_begin_with_is_what_migrations_leave(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_by(
        make: Callable[[Client, ClickHouseSettings], object], **named: str
    ) -> tuple[list[str], list[str]]:
        with database(dsn, **named) as (client, settings):
            make(client, settings)
            return sorted(definitions(client, settings.database)), migrate(client, settings)

    # The first that a process asks for may have a name that is a word of the definitions.
    monkeypatch.setattr("tests.clickhouse.migrated._made", {})
    left_by(migrated, database="everyspan")
    left = [left_by(make) for make in (migrated, migrated, migrate)]
    assert left[0] == left[1] == left[2]
    assert len(left[0][0]) > 20


def test_columns_are_those_that_are_inserted(dsn: str) -> None:
    with database(dsn) as (client, settings):
        migrate(client, settings)

        def columns(table: str) -> list[str]:
            rows = client.query(f"DESCRIBE TABLE {settings.database}.{table}").result_rows
            return [str(row[0]) for row in rows]

        assert columns("spans_raw")[: len(SPAN_COLUMNS)] == list(SPAN_COLUMNS)
        assert columns("span_content")[: len(CONTENT_COLUMNS)] == list(CONTENT_COLUMNS)
        assert columns("spans") == columns("spans_raw")


def test_two_at_once(dsn: str) -> None:
    with database(dsn) as (client, settings):
        clients = [connect(dsn) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda c: migrate(c, settings), clients))
        for other in clients:
            other.close()
        assert len(migrations.applied(client, settings.database)) == len(read_migrations())
        assert migrate(client, settings) == []


def test_half_way_is_finished(dsn: str) -> None:
    with database(dsn) as (client, settings):
        migrate(client, settings)
        # As if the process had died after the statements of the last file, before the record.
        last = read_migrations()[-1].name
        client.command(
            f"ALTER TABLE {settings.database}.migrations DELETE WHERE name = '{last}'"
            " SETTINGS mutations_sync = 1"
        )
        assert migrate(client, settings) == [last]


def test_a_changed_file_is_refused(dsn: str, copied: Path) -> None:
    with database(dsn) as (client, settings):
        migrate(client, settings)
        first = sorted(copied.glob("*.sql"))[0]
        first.write_text(first.read_text() + "-- changed\n")
        with pytest.raises(MigrationError, match=rf"{first.stem} changed .* add a new file"):
            migrate(client, settings)


def test_a_newer_schema_is_refused(dsn: str, copied: Path) -> None:
    with database(dsn) as (client, settings):
        migrate(client, settings)
        last = sorted(copied.glob("*.sql"))[-1]
        last.unlink()
        with pytest.raises(MigrationError, match=f"{last.stem}.* newer version"):
            migrate(client, settings)


def test_an_older_engine_is_refused_before_anything_is_made(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LEAST_ENGINE", (99, 1))
    with database(dsn) as (client, settings):
        with pytest.raises(
            MigrationError, match=r"ClickHouse is 2\d\..*; 99\.1 or newer is needed"
        ):
            migrate(client, settings)
        assert not client.command(f"EXISTS {settings.database}.migrations")


def test_a_statement_that_can_not_run_twice_is_refused(copied: Path) -> None:
    (copied / "9999_bad.sql").write_text("ALTER TABLE $database.spans_raw ADD COLUMN x String;\n")
    with pytest.raises(MigrationError, match="IF NOT EXISTS"):
        read_migrations(copied)


def test_retention_follows_the_setting(dsn: str) -> None:
    """For what is stored already, too."""
    with database(dsn) as (client, settings):
        migrate(client, settings)
        old, young = (datetime.now(UTC) - timedelta(days=days) for days in (10, 1))
        for at in (old, young):
            client.command(
                f"INSERT INTO {settings.database}.spans_raw (trace_id, span_id, start_time)"
                f" VALUES ('{'1' * 32}', '{'2' * 16}', '{at:%Y-%m-%d %H:%M:%S}')"
            )

        def ends() -> list[tuple[str, date]]:
            """Days, and when their rows are to end."""
            return list(
                client.query(
                    "SELECT partition, toDate(delete_ttl_info_max, 'UTC') FROM system.parts"
                    f" WHERE active AND rows > 0 AND database = '{settings.database}'"
                    " AND table = 'spans_raw' ORDER BY 1"
                ).result_rows
            )

        def told(*days: tuple[datetime, int]) -> bool:
            return ends() == [(f"{at:%Y-%m-%d}", at.date() + timedelta(n)) for at, n in days]

        assert told((old, 30), (young, 30))
        migrate(client, settings.model_copy(update={"retention_days": 60}))
        soon(lambda: told((old, 60), (young, 60)))
        # A program of before, which told the table alone; or one that was stopped there.
        client.command(
            f"ALTER TABLE {settings.database}.spans_raw"
            " MODIFY TTL toDateTime(start_time) + toIntervalDay(20)",
            settings={"materialize_ttl_after_modify": 0},
        )
        assert told((old, 60), (young, 60))
        migrate(client, settings.model_copy(update={"retention_days": 20}))
        soon(lambda: told((old, 20), (young, 20)))
        mutations = f"SELECT count() FROM system.mutations WHERE database = '{settings.database}'"
        before = client.query(mutations).result_rows
        migrate(client, settings.model_copy(update={"retention_days": 20}))
        assert client.query(mutations).result_rows == before, "nothing is behind"
        # A command in a shell that has not the services' settings deletes nothing.
        migrate(client, settings.model_copy(update={"retention_days": 7}), retention=False)
        assert client.query(mutations).result_rows == before
        assert told((old, 20), (young, 20))
        migrate(client, settings.model_copy(update={"retention_days": 7}))
        soon(lambda: told((young, 7)))
        for table in ("spans_raw", "span_content"):
            ddl = client.command(f"SHOW CREATE TABLE {settings.database}.{table}")
            assert "toIntervalDay(7)" in str(ddl)
        assert client.query(f"SELECT count() FROM {settings.database}.spans").result_rows == [(1,)]


def test_the_cluster_variant_is_sql_too(dsn: str) -> None:
    settings = ClickHouseSettings(clickhouse_dsn="http://x", cluster="prod")
    with database(dsn) as (client, _):
        text = []
        for migration in read_migrations():
            for statement in render(migration, settings):
                formatted = client.query(
                    "SELECT formatQuery({sql:String})", parameters={"sql": statement}
                ).result_rows[0][0]
                assert "ON CLUSTER prod" in formatted.replace("`", "").replace("'", "")
                text.append(formatted)
    everything = "\n".join(text)
    assert "ReplicatedReplacingMergeTree(verdict_version)" in everything
    assert "Distributed('prod', 'everyspan', 'spans_raw_local', cityHash64(trace_id))" in everything
    single = ClickHouseSettings(clickhouse_dsn="http://x")
    plain = "".join(s for m in read_migrations() for s in render(m, single))
    assert "Replicated" not in plain
    assert "_local" not in plain
    assert "CLUSTER" not in plain


def test_which_version_of_a_row_wins(dsn: str) -> None:
    with database(dsn) as (client, settings):
        migrate(client, settings)
        span = Span("1" * 32, "2" * 16, start_time=time.time_ns())

        def insert(name: str, version: int) -> None:
            span.name = name
            columns = [*columns_of([span]), [version]]
            names = [*SPAN_COLUMNS, "verdict_version"]
            client.insert(
                "spans_raw", columns, names, database=settings.database, column_oriented=True
            )

        def seen() -> list[str]:
            rows = client.query(f"SELECT name FROM {settings.database}.spans").result_rows
            return [str(row[0]) for row in rows]

        insert("ingested", 0)
        insert("judged", 3)
        insert("sent again", 0)
        assert seen() == ["judged"]
        insert("judged again", 3)
        assert seen() == ["judged again"]
        client.command(f"OPTIMIZE TABLE {settings.database}.spans_raw FINAL")
        assert seen() == ["judged again"]
        insert("sent once more", 0)
        client.command(f"OPTIMIZE TABLE {settings.database}.spans_raw FINAL")
        assert seen() == ["judged again"]


def test_rows_from_before_fingerprints_stay_and_are_told_apart_from_then_on(
    dsn: str, copied: Path
) -> None:
    with database(dsn) as (client, settings):
        newer = [path for path in copied.glob("*.sql") if path.name >= "0013"]
        later = {path: path.read_text() for path in newer}
        for path in newer:
            path.unlink()
        migrate(client, settings)
        described = client.query(f"DESCRIBE TABLE {settings.database}.spans_raw").result_rows
        old = [name for name in SPAN_COLUMNS if name in {row[0] for row in described}]
        span = Span("a" * 32, "b" * 16, start_time=time.time_ns())
        row = [getattr(span, name) for name in old]
        client.insert("spans_raw", [row], column_names=old, database=settings.database)
        for path, text in later.items():
            path.write_text(text)
        migrate(client, settings)
        other = Span("a" * 32, "b" * 16, start_time=span.start_time + 1, fingerprint=7)
        for _ in range(2):
            client.insert(
                "spans_raw",
                columns_of([other]),
                column_names=list(SPAN_COLUMNS),
                column_oriented=True,
                database=settings.database,
            )
        client.command(f"OPTIMIZE TABLE {settings.database}.spans_raw FINAL")
        found = client.query(
            f"SELECT fingerprint FROM {settings.database}.spans ORDER BY fingerprint"
        ).result_rows
        assert [fingerprint for (fingerprint,) in found] == [0, 7]


def test_merged_parts_stay_for_readers_of_the_directory(dsn: str) -> None:
    with database(dsn) as (client, settings):
        migrate(client, settings)
        rows = client.query(
            "SELECT name, create_table_query FROM system.tables WHERE database = {name:String}"
            " AND engine LIKE '%MergeTree'",
            parameters={"name": settings.database},
        ).result_rows
        assert rows
        assert [name for name, ddl in rows if "old_parts_lifetime = 480" not in ddl] == []
