"""A database as the migrations leave it, in a tenth of their time.

The first of each process and sort runs them, in a database of a name that nothing else has: what
they made is read from the engine and made again under the names that are asked for.
``test_migrate.py`` holds that both are the same.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse import set_aside
from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings

_PLACE = "this_database"
_made: dict[tuple[int, str], tuple[list[str], list[tuple[str, str]]]] = {}
_numbers = itertools.count()
#: By DSN and what made them: databases whose test is over, emptied, and their definitions.
_used: dict[tuple[str, str], list[tuple[str, list[str]]]] = {}


def migrated(client: Client, settings: ClickHouseSettings) -> None:
    """What ``migrate`` does with a database that is not there yet. Embedded engines only."""
    assert settings.embedded
    sort = (settings.retention_days, settings.cluster)
    database = settings.database
    if sort not in _made:
        # Not in the caller's: one may be called `everyspan`, as the attributes in the views are.
        migrate(client, settings.model_copy(update={"database": _PLACE}))
        _made[sort] = definitions(client, _PLACE), _applied(client, _PLACE)
        client.command(f"DROP DATABASE {_PLACE} SYNC")
    statements, applied = _made[sort]
    client.command(f"CREATE DATABASE {database} ENGINE = Atomic")
    waiting = statements.copy()
    while waiting:
        # A view can only be made once what it reads is there.
        failed = [each for each in waiting if not _runs(client, each.replace(_PLACE, database))]
        assert len(failed) < len(waiting), failed
        waiting = failed
    client.insert("migrations", applied, column_names=["name", "checksum"], database=database)


def definitions(client: Client, database: str) -> list[str]:
    """What makes its tables, then its views, with ``this_database`` for its name."""
    found = client.query(
        "SELECT create_table_query FROM system.tables"
        " WHERE database = {database:String} AND name NOT LIKE '.inner%'"
        " ORDER BY engine LIKE '%View', metadata_modification_time, name",
        parameters={"database": database},
    ).result_rows
    return [re.sub(rf"\b{database}\b", _PLACE, str(ddl)) for (ddl,) in found]


def _runs(client: Client, statement: str) -> bool:
    try:
        client.command(statement)
    except DatabaseError:
        return False
    return True


def _applied(client: Client, database: str) -> list[tuple[str, str]]:
    rows = client.query(f"SELECT name, checksum FROM {database}.migrations FINAL").result_rows
    return [(str(name), str(checksum)) for name, checksum in rows]


def make_nothing(client: Client, database: str) -> None:
    """A database as the migrations leave it needs no more."""


@contextmanager
def without_rows(
    dsn: str, more: Callable[[Client, str], None] = make_nothing
) -> Iterator[tuple[Client, str]]:
    """A client and the name of a database without rows: a new one, to which ``more`` was done, or
    one of a test that left its tables and views as they were. Retention is the usual one."""
    there = _used.setdefault((dsn, more.__qualname__), [])
    name, made = there.pop() if there else (f"emptied_{next(_numbers)}", [])
    client = connect(dsn)
    if not made:
        migrated(client, ClickHouseSettings(clickhouse_dsn=dsn, database=name))
        more(client, name)
        made = definitions(client, name)
    try:
        yield client, name
    finally:
        if definitions(client, name) == made:
            client.command(f"TRUNCATE ALL TABLES FROM {name} NOT LIKE 'migrations'")
            there.append((name, made))
        else:
            client.command(f"DROP DATABASE IF EXISTS {name} SYNC")
        for known in [each for each in set_aside._found if each[0] == name]:
            del set_aside._found[known]
        client.close()
