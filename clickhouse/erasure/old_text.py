"""Removes the texts of rows that are older than text is kept; their numbers and verdicts stay.

Rows are changed with ``ALTER TABLE … UPDATE``, which writes anew only the columns that change;
parts of which no row is concerned are not touched. See:
https://clickhouse.com/docs/sql-reference/statements/alter/update
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from clickhouse.erasure.change import change
from clickhouse.settings import ClickHouseSettings

#: What is written in the place of each. Names, ids, models, costs and the resource stay.
_EMPTIED: Mapping[str, str] = {
    "input": "''",
    "output": "''",
    "input_messages": "''",
    "output_messages": "''",
    "tool_definitions": "''",
    "system_instructions": "''",
    "status_message": "''",
    "documents": "[]",
    "events": "''",
    "links": "''",
    "evidence": "map()",
}
#: Attributes that stay: what the stack itself says of a span, and numbers of a model's call.
_MARKS = (
    "everyspan.dropped_attributes",
    "everyspan.dropped_content",
    "everyspan.dropped_events",
    "everyspan.dropped_links",
    "everyspan.end_time.missing",
    "everyspan.end_time.reversed",
    "everyspan.experiment_units",
    "everyspan.experiments",
    "everyspan.feedback",
    "everyspan.from_around",
    "everyspan.inherited",
    "everyspan.late_content",
    "everyspan.masked",
    "everyspan.reported_usage",
    "everyspan.running_total",
    "everyspan.start_time.missing",
    "everyspan.twin",
)
_ATTRIBUTES = (
    f"mapFilter((k, v) -> k IN {_MARKS}"
    " OR (startsWith(k, 'gen_ai.') AND toFloat64OrNull(v) IS NOT NULL), attributes)"
)
#: A row that nobody judges, though it is so old: its text goes all the same.
_JUDGED_BY = timedelta(days=1)


def remove_old_text(
    client: Client, settings: ClickHouseSettings, days: int, now: datetime | None = None
) -> dict[str, int]:
    """Of spans that started more than ``days`` whole days (UTC) ago, and of what was kept beside
    them. Table to rows changed, all versions of a row counted. ``now``: by default it is asked. Can
    be done again and by several at once. Raises clickhouse-connect's errors."""
    now = now or datetime.now(UTC)
    # DateTime64: beside a DateTime, the engine's look into the key takes the last second of a day
    # for the next one.
    before = f"toDateTime64('{(now - timedelta(days=days)).date()}', 9, 'UTC')"
    waited = f"toDateTime64('{now - _JUDGED_BY:%Y-%m-%d %H:%M:%S}', 3, 'UTC')"
    emptied = ", ".join(f"{column} = {value}" for column, value in _EMPTIED.items())
    changed = {
        "spans_raw": change(
            client,
            settings,
            "spans_raw",
            f"UPDATE {emptied}, attributes = {_ATTRIBUTES}, text_removed = true",
            f"start_time < {before} AND NOT text_removed"
            f" AND (verdict_version > 0 OR ingested_at < {waited})",
        ),
        "span_content": change(client, settings, "span_content", "DELETE", f"time < {before}"),
        "text_vectors": change(client, settings, "text_vectors", "DELETE", f"hour < {before}"),
        "reviews": change(
            client,
            settings,
            "reviews",
            "UPDATE evidence = '', shown = ''",
            f"start_time < {before} AND (evidence != '' OR shown != '')",
        ),
    }
    return {table: rows for table, rows in changed.items() if rows}
