"""Keeps ``hour_tallies``: of each hour that is over, once nothing of it changes any more, and again
when something did.

Readers go by what is stored (the view ``settled_hours``): tallies count while the number of changes
that they were made after is the number that there is. What has to be right here is only that all
rows of these changes are read. An insert is noted (``hour_changes``) a moment before or after its
rows can be seen, so an hour is made only after nothing was noted for a while; and a change that was
stored without a note, as the engine was killed between the two, is noted at the next start.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from classify.registry import BUILT_IN
from classify.tallies.counting import tallies
from clickhouse.embedded_http.settings import quote
from clickhouse.erasure import erasures
from clickhouse.erasure.change import change
from clickhouse.settings import ClickHouseSettings

log = logging.getLogger(__name__)

#: An hour is made when nothing of it changed for so long. Also what a replica of a cluster may lag
#: behind and still be read (``max_replica_delay_for_distributed_queries``).
QUIET_SECONDS = 300.0
#: Of one look: what others of the service wait for.
_LOOK_SECONDS = 5.0
#: How often tallies that newer ones have taken the place of are removed, and what is left for those
#: who read them just now.
_CLEAR_SECONDS, _READ_SECONDS = 3600.0, 600
#: A note carries the time at which its insert began, rows when they were made: about the same.
_APART_SECONDS = 60
#: All of an insert in one part, so that readers see all of an hour or nothing.
_ONE_PART = {
    "max_insert_threads": 1,
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 0,
}
_COLUMNS = (
    "at", "service_name", "environment", "replayed", "twin", "spans", "whole", "traces", "errors",
    "durations", "users", "cost_usd", "failed", "judged", "abstained", "scores", "squares",
)  # fmt: skip

#: Project and number of changes.
Changes = Sequence[tuple[str, int]]


class Tallying:
    """For one thread of one worker. ``quiet_seconds``: see QUIET_SECONDS."""

    def __init__(self, settings: ClickHouseSettings, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._settings = settings
        self._quiet = quiet_seconds
        self._noted = False
        self._cleared_at = -_CLEAR_SECONDS
        #: Hour to its changes, and since when there are no more.
        self._seen: dict[int, tuple[Changes, float]] = {}

    def look(self, client: Client, stopping: Callable[[], bool] = lambda: False) -> int:
        """Hours made. Raises clickhouse-connect's errors."""
        database = self._settings.database
        try:
            if not self._noted:
                note_missing(client, database)
                self._noted = True
            if any(each.removed_at == erasures.NEVER for each in erasures.read(client, database)):
                # What is being forgotten is not to be counted once more.
                return 0
            return self._make(client, stopping)
        except Exception:
            # The engine may have been killed: what was it doing?
            self._noted = False
            raise

    def _make(self, client: Client, stopping: Callable[[], bool]) -> int:
        began, made = time.monotonic(), 0
        waiting = unsettled(client, self._settings.database)
        self._seen = {hour: seen for hour, seen in self._seen.items() if hour in waiting}
        for hour, changes in waiting.items():
            seen, since = self._seen.get(hour, ((), 0.0))
            if seen != changes:
                since = time.monotonic()
                self._seen[hour] = changes, since
            now = time.monotonic()
            if now - since < self._quiet or now - began > _LOOK_SECONDS or stopping():
                continue
            make(client, self._settings.database, hour, changes)
            # Where it does not settle by that, not at once again.
            self._seen[hour] = changes, time.monotonic()
            made += 1
        if time.monotonic() - self._cleared_at > _CLEAR_SECONDS:
            clear(client, self._settings)
            self._cleared_at = time.monotonic()
        return made


def unsettled(client: Client, database: str) -> dict[int, Changes]:
    """Hours that are over and have no tallies that count, the newest first: seconds since 1970 to
    their changes."""
    rows = client.query(
        f"""
        SELECT toUnixTimestamp(hour), groupArray((toString(project), changed))
        FROM (
            SELECT hour, project, sum(changes) AS changed FROM {database}.hour_changes
            WHERE hour < toStartOfHour(now('UTC'))
            GROUP BY hour, project
            ORDER BY project
        )
        WHERE hour NOT IN (SELECT hour FROM {database}.settled_hours)
        GROUP BY hour
        ORDER BY hour DESC
        """
    ).result_rows
    return {hour: tuple(map(tuple, changes)) for hour, changes in rows}


def make(client: Client, database: str, hour: int, changes: Changes) -> None:
    """``changes``: what was noted of the hour before. All of its rows are read."""
    names = [each.name for each in BUILT_IN]
    start = f"toDateTime({hour}, 'UTC')"
    condition = f"start_time >= {start} AND start_time < {start} + INTERVAL 1 HOUR"
    noted = ", ".join(f"({quote(project)}, {number})" for project, number in changes)
    made_at = f"toDateTime64('{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"
    columns = ", ".join(_COLUMNS)
    # A project of which nothing is left has a row that counts nothing.
    client.command(
        f"INSERT INTO {database}.hour_tallies (hour, project, made_at, changes, {columns})"
        f" SELECT {start}, project, {made_at}, changes, {columns}"
        " FROM (SELECT toLowCardinality(each.1) AS project, toUInt64(each.2) AS changes"
        f" FROM (SELECT arrayJoin([{noted}]) AS each)) AS noted"
        f" FULL JOIN ({tallies(names, f'{database}.spans', condition)}) AS counted USING (project)",
        settings=_ONE_PART,
    )


def note_missing(client: Client, database: str) -> None:
    """Note changes that are stored without a note: of rows from before there were any, and of what
    was inserted when the engine was killed."""
    client.command(
        f"""
        INSERT INTO {database}.hour_changes (hour, project, changes, changed_at)
        SELECT hour, project, 1, now64(3)
        FROM (
            SELECT toStartOfHour(start_time) AS hour, project,
                max(greatest(ingested_at, verdict_at)) AS newest
            FROM {database}.spans_raw GROUP BY hour, project
        ) AS stored
        LEFT JOIN (
            SELECT hour, project, max(changed_at) AS last FROM {database}.hour_changes
            GROUP BY hour, project
        ) AS noted USING (hour, project)
        WHERE newest > last + INTERVAL {_APART_SECONDS} SECOND
        """
    )


def clear(client: Client, settings: ClickHouseSettings) -> int:
    """Remove tallies that newer ones have taken the place of; how many."""
    newest = f"SELECT hour, max(made_at) FROM {settings.database}.hour_tallies GROUP BY hour"
    older = (
        f"SELECT hour FROM {settings.database}.hour_tallies GROUP BY hour HAVING"
        f" uniqExact(made_at) > 1 AND max(made_at) < now() - INTERVAL {_READ_SECONDS} SECOND"
    )
    return change(
        client, settings, "hour_tallies", "DELETE",
        f"hour IN ({older}) AND (hour, made_at) NOT IN ({newest})",
    )  # fmt: skip
