"""Rows of every earlier schema, after all migrations that came later."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from clickhouse import migrate as migrations
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings
from clickhouse.span import SPAN_COLUMNS, Span
from tests.clickhouse.databases import database, engine
from tests.everyspan_up import running

#: Rows a table at each schema.
_ROWS = 3


@contextmanager
def schemas(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iterator[str]]:
    """An iterator that adds one migration after another to those there are, from the first on."""
    all_ = sorted(migrations.MIGRATIONS.glob("[0-9]*.sql"))
    folder.mkdir()

    def one_more() -> Iterator[str]:
        for each in all_:
            shutil.copy(each, folder)
            yield each.stem

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", folder)
        patch.setattr(migrations.read_migrations, "__defaults__", (folder,))
        yield one_more()


def tables(client: Client, of: str) -> list[str]:
    """Those that hold rows of their own."""
    rows = client.query(
        "SELECT name FROM system.tables WHERE database = {d:String} AND engine LIKE '%MergeTree'"
        " AND name != 'migrations' AND name NOT LIKE '.inner%' ORDER BY name",
        parameters={"d": of},
    ).result_rows
    return [str(name) for (name,) in rows]


def columns(client: Client, of: str, table: str) -> list[tuple[str, str]]:
    """Name and type of those that are stored."""
    rows = client.query(
        "SELECT name, type FROM system.columns WHERE database = {d:String} AND table = {t:String}"
        " AND default_kind NOT IN ('MATERIALIZED', 'ALIAS') ORDER BY position",
        parameters={"d": of, "t": table},
    ).result_rows
    return [(str(name), str(type_)) for name, type_ in rows]


def made_by(client: Client, of: str, table: str) -> str:
    """Its statement: columns, keys, defaults and settings."""
    return str(client.command(f"SHOW CREATE TABLE {of}.{table}"))


def test_rows_of_every_schema_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        engine(tmp_path / "clickhouse") as dsn,
        database(dsn) as (client, settings),
        schemas(tmp_path / "migrations", monkeypatch) as one_more,
    ):
        of = settings.database
        stored: list[tuple[str, str, str, list[tuple[object, ...]]]] = []
        known: dict[str, str] = {}
        for number, schema in enumerate(one_more, start=1):
            assert migrate(client, settings) == [schema]
            for table in tables(client, of):
                # Where it is as it was, rows of an earlier schema have seen all that these would.
                as_it_was = known.get(table)
                known[table] = made_by(client, of, table)
                if known[table] == as_it_was:
                    continue
                if as_it_was is None:
                    # Nothing is merged away: two rows of one key are one row by design.
                    client.command(f"SYSTEM STOP MERGES {of}.{table}")
                there = columns(client, of, table)
                names = ", ".join(f"`{name}`" for name, _ in there)
                structure = ", ".join(f"`{name}` {type_}" for name, type_ in there)
                # Times within the retention, none twice; a seed of its own.
                times = ", ".join(
                    f"now() - rowNumberInAllBlocks() AS `{name}`"
                    for name, type_ in there
                    if type_.startswith("DateTime")
                )
                client.command(
                    f"INSERT INTO {of}.{table} ({names}) SELECT {names} FROM (SELECT *"
                    f"{f' REPLACE ({times})' if times else ''} FROM generateRandom("
                    "{structure:String}, {seed:UInt32}, 8, 2)"
                    f" LIMIT {_ROWS}) SETTINGS optimize_on_insert = 0",
                    parameters={"structure": structure, "seed": number},
                )
                said = f"SELECT cityHash64(toString(tuple({names}))) FROM {of}.{table}"
                now = set(client.query(said).result_rows)
                assert len(now) >= _ROWS, f"{table} at {schema}"
                stored.append((schema, table, said, sorted(now)))
        assert len({schema for schema, *_ in stored}) > 20
        assert {table for _, table, *_ in stored} == set(tables(client, of))
        for schema, table, said, rows in stored:
            lost = set(rows) - set(client.query(said).result_rows)
            assert not lost, f"{table} has other rows than at {schema}"


@pytest.mark.slow
def test_a_house_goes_on_from_the_first_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ClickHouseSettings(data=tmp_path / "data")
    client = connect(settings.dsn)
    trace = "a" * 32
    with schemas(tmp_path / "migrations", monkeypatch) as one_more:
        first = next(one_more)
        assert migrate(client, settings) == [first]
        there = {name for name, _ in columns(client, settings.database, "spans_raw")}
        names = [name for name in SPAN_COLUMNS if name in there]
        span = Span(
            trace,
            "b" * 16,
            start_time=time.time_ns() - 60 * 10**9,
            step_kind="llm",
            input="What does the standard plan cost?",
            output="Kill yourself, you worthless idiot.",
        )
        client.insert(
            "spans_raw",
            [[getattr(span, name) for name in names]],
            column_names=names,
            database=settings.database,
        )
        client.close()
    with running(tmp_path / "data") as house:
        house.judged([trace])
        (row,) = house.query(f"SELECT toxicity FROM everyspan.spans WHERE trace_id = '{trace}'")
        assert row["toxicity"] == "fail"
