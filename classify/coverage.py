"""How much of what is stored has its verdicts: of every classifier that it should have them of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from classify.job.due import JUDGED
from classify.job.set_numbers import newest

_PENDING = "(verdict_version = 0 OR notEmpty(unjudged))"


@dataclass(slots=True, frozen=True)
class Coverage:
    """Rows in all, those that have all verdicts, and those that wait for some.

    ``outdated``: judged, by an older classifier set than the deployed one.
    ``oldest_pending_seconds``: since the oldest pending row was stored; 0 where none is pending.
    ``unjudged``: of a classifier that was broken, the rows that wait for it alone.
    """

    rows: int
    judged: int
    pending: int
    outdated: int
    oldest_pending_seconds: float
    unjudged: dict[str, int] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """0 to 1; None where nothing is stored."""
        return self.judged / self.rows if self.rows else None


@dataclass(slots=True, frozen=True)
class Told:
    """Of the rows that one classifier looks at: those with pass or fail, and those in which it
    abstained."""

    judged: int
    abstained: int

    @property
    def share(self) -> float | None:
        """0 to 1; None where it looked at nothing."""
        looked = self.judged + self.abstained
        return self.judged / looked if looked else None


def told(
    client: Client, database: str, names: Sequence[str], days: int | None = None
) -> dict[str, Told]:
    """By classifier, of the last ``days`` by start_time, or of everything, without replays. Raises
    clickhouse-connect's errors."""
    window = f"AND start_time >= now() - toIntervalDay({int(days)})" if days else ""
    counted = ", ".join(
        f"countIf({name} IN ('pass', 'fail')), countIf({name} = 'abstained')" for name in names
    )
    if not names:
        return {}
    (row,) = client.query(
        f"SELECT {counted} FROM {database}.spans WHERE replay_of = '' {window}"
    ).result_rows
    return {name: Told(*row[2 * i : 2 * i + 2]) for i, name in enumerate(names)}


def coverage(client: Client, database: str, days: int | None = None) -> Coverage:
    """Of the last ``days`` by start_time, or of everything. Raises clickhouse-connect's errors."""
    older = newest(client, database).older
    window = f"WHERE start_time >= now() - toIntervalDay({int(days)})" if days else ""
    ((rows, pending, outdated, oldest, waiting),) = client.query(
        f"SELECT count(), countIf({_PENDING}),"
        f" countIf({JUDGED} AND {older}),"
        f" dateDiff('millisecond', minIf(ingested_at, {_PENDING}), now64(3)),"
        " sumMap(CAST(unjudged, 'Array(String)'), arrayMap(x -> toUInt64(1), unjudged))"
        f" FROM {database}.spans_raw FINAL {window}"
        " SETTINGS do_not_merge_across_partitions_select_final = 1"
    ).result_rows
    seconds = max(0.0, oldest / 1000) if pending else 0.0
    unjudged = dict(zip(*waiting, strict=True))
    return Coverage(rows, rows - pending, pending, outdated, seconds, unjudged)
