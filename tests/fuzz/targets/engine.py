"""One chDB directory for the process, with our schema, gone when it ends."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from clickhouse_connect.driver.client import Client

from clickhouse.connection import connect
from clickhouse.migrate import migrate
from clickhouse.settings import ClickHouseSettings


@cache
def directory() -> Path:
    """Made when first asked for."""
    made = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, made, True)
    return made


@cache
def settings() -> ClickHouseSettings:
    """Of that directory, migrated."""
    found = ClickHouseSettings(data=directory(), retention_days=3650)
    client = connect(found.dsn)
    migrate(client, found)
    client.close()
    return found


@cache
def client() -> Client:
    """One for all."""
    return connect(settings().dsn)
