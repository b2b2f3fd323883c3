"""How much of what is stored has its verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from classify.deployed_set import latest_version


@dataclass(slots=True, frozen=True)
class Coverage:
    """Rows in all, judged by the deployed set, and not yet.

    ``oldest_pending_seconds``: since the oldest pending row was stored; 0 where none is pending.
    """

    rows: int
    judged: int
    pending: int
    oldest_pending_seconds: float

    @property
    def ratio(self) -> float:
        """0 to 1; 1 where nothing is stored."""
        return self.judged / self.rows if self.rows else 1.0


def coverage(client: Client, database: str, days: int | None = None) -> Coverage:
    """Of the last ``days`` by start_time, or of everything.

    A row counts as judged when the latest classifier set judged it, so that a new set starts at 0.
    Raises clickhouse-connect's errors.
    """
    version = max(1, latest_version(client, database))
    window = f"WHERE start_time >= now() - toIntervalDay({int(days)})" if days else ""
    ((rows, pending, oldest),) = client.query(
        f"SELECT count(), countIf(verdict_version < {version}),"
        f" dateDiff('millisecond', minIf(ingested_at, verdict_version < {version}), now64(3))"
        f" FROM {database}.spans_raw FINAL {window}"
        " SETTINGS do_not_merge_across_partitions_select_final = 1"
    ).result_rows
    return Coverage(rows, rows - pending, pending, max(0.0, oldest / 1000) if pending else 0.0)
