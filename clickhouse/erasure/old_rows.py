"""Removes the rows of projects that keep theirs for less long than the others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from clickhouse.embedded_http.settings import quote
from clickhouse.erasure.change import change
from clickhouse.erasure.counted import hours_of, uncount
from clickhouse.settings import ClickHouseSettings


def remove_old_rows(
    client: Client,
    settings: ClickHouseSettings,
    days: Mapping[str, int],
    now: datetime | None = None,
) -> dict[str, int]:
    """Spans that started more than so many whole days (UTC) ago, and their late content. ``days``:
    by project, '' for the default one; ``now``: by default it is asked. Table to rows removed, all
    versions of a row counted. Can be done again and by several at once. Raises clickhouse-connect's
    errors."""
    now = now or datetime.now(UTC)
    removed: dict[str, int] = {}
    for project, kept in days.items():
        # DateTime64, as old_text.py says.
        before = f"toDateTime64('{(now - timedelta(days=kept)).date()}', 9, 'UTC')"
        own = f"project = {quote(project)}"
        old = f"start_time < {before} AND {own}"
        hours = hours_of(client, settings.database, old)
        uncount(client, settings, hours)
        for table, condition in (
            ("spans_raw", old),
            ("span_content", f"time < {before} AND {own}"),
        ):
            rows = change(client, settings, table, "DELETE", condition)
            removed[table] = removed.get(table, 0) + rows
        uncount(client, settings, hours)
    return {table: rows for table, rows in removed.items() if rows}
