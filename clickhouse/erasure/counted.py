"""What tallies of hours say of rows that go: it is made anew of what is left."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from clickhouse.erasure.change import change
from clickhouse.settings import ClickHouseSettings

#: Seconds since 1970 and project.
Hour = tuple[int, str]


def hours_of(client: Client, database: str, condition: str) -> list[Hour]:
    """Those that have rows of ``condition``."""
    rows = client.query(
        "SELECT DISTINCT toUnixTimestamp(toStartOfHour(start_time)), toString(project)"
        f" FROM {database}.spans_raw WHERE {condition}"
    ).result_rows
    return [(int(hour), str(project)) for hour, project in rows]


def uncount(client: Client, settings: ClickHouseSettings, hours: Sequence[Hour]) -> None:
    """Note that they change, which no INSERT does here, and remove their tallies, which have a
    number for each user: before rows go and, for what was tallied meanwhile, after it."""
    if not hours:
        return
    client.insert(
        "hour_changes",
        [[hour, project, 1] for hour, project in hours],
        column_names=["hour", "project", "changes"],
        database=settings.database,
    )
    these = ", ".join(sorted({str(hour) for hour, _ in hours}))
    change(client, settings, "hour_tallies", "DELETE", f"toUnixTimestamp(hour) IN ({these})")
