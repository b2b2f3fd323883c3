"""``everyspan migrate``: bring the schema up to date."""

from __future__ import annotations

from cli.console import console, plain_errors, read_settings
from cli.options import Data, Dsn, RetentionDays
from clickhouse import migrate as migrations
from clickhouse.connection import connect, redacted
from clickhouse.settings import ClickHouseSettings


def migrate(
    data: Data = None, clickhouse_dsn: Dsn = None, retention_days: RetentionDays = None
) -> None:
    """Apply the migrations that the database does not have yet."""
    settings = read_settings(
        ClickHouseSettings,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
        retention_days=retention_days,
    )
    with plain_errors():
        new = migrations.migrate(connect(settings.dsn), settings)
    for name in new:
        console.print(f"applied {name}")
    console.print(f"{redacted(settings.dsn)} is up to date", soft_wrap=True)
