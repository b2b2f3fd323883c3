"""A real ClickHouse in process, and a database of its own for whoever asks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from clickhouse.settings import ClickHouseSettings

_numbers = itertools.count()


@contextmanager
def engine(path: Path) -> Iterator[str]:
    """The DSN of an embedded engine that stays open."""
    dsn = f"chdb://{path}"
    client = connect(dsn)
    try:
        yield dsn
    finally:
        client.close()


@contextmanager
def database(dsn: str, **settings: object) -> Iterator[tuple[Client, ClickHouseSettings]]:
    """A name that is new and not made yet, and a client."""
    named = {"database": f"test_{next(_numbers)}"} | settings
    found = ClickHouseSettings(clickhouse_dsn=dsn, **named)  # type: ignore[arg-type]
    client = connect(dsn)
    try:
        yield client, found
    finally:
        client.command(f"DROP DATABASE IF EXISTS {found.database} SYNC")
        client.close()
