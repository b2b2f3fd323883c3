"""Judging again: what an older classifier set judged, and what somebody asked for.

Newest first, in small batches, and within a share of one core, so that new rows never wait for it.
Nothing is remembered between runs: a row is due by its verdict_version and verdict_at alone.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from classify.job.due import JUDGED, DueTrace, Share, judged_before, take
from classify.job.set_numbers import newest

#: A batch should take about so long: that is what a new row may have to wait.
_BATCH_SECONDS = 2.0
_FIRST_ROWS, _FEWEST_ROWS = 200, 20
#: Traces that one search returns at most.
_MAX_TRACES = 5_000
#: Requests older than this are over, done or not.
REQUEST_DAYS = 7
_FINAL = "SETTINGS do_not_merge_across_partitions_select_final = 1"


@dataclass(slots=True, frozen=True)
class Old:
    """Rows to judge again. ``before``: those judged before that, ms since 1970; 0 for those of an
    older classifier set. ``day``: UTC, YYYY-MM-DD; ``since``, ``until``: ms since 1970."""

    day: str
    before: int = 0
    since: int = 0
    until: int = 0


class Pace:
    """How much of a core judging again may take: ``share``, 0 for nothing, 1 for no limit."""

    def __init__(self, share: float, most_rows: int) -> None:
        self._share = share
        self._next = 0.0 if share else float("inf")
        self._most = most_rows
        #: Rows of the next batch.
        self.rows = min(_FIRST_ROWS, most_rows)

    def may(self) -> bool:
        """Whether the next batch may begin."""
        return time.monotonic() >= self._next

    def took(self, seconds: float) -> None:
        """A batch is done."""
        self._next = time.monotonic() + seconds * (1 / self._share - 1)
        factor = min(4.0, max(0.25, _BATCH_SECONDS / max(seconds, 0.01)))
        self.rows = int(min(self._most, max(_FEWEST_ROWS, self.rows * factor)))


class OldRows:
    """Finds rows to judge again for one share of the work."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._left: deque[Old] = deque()
        self._found: deque[DueTrace] = deque()
        self._of = Old("")
        self._requests: list[tuple[int, int, int]] = []

    def look(self, client: Client, *, everywhere: bool) -> None:
        """Search all days anew, if ``everywhere`` or somebody has asked since."""
        share = self._share
        asked = requests(client, share.database)
        if not everywhere and asked == self._requests:
            return
        self._requests = asked
        rows = client.query(
            f"SELECT DISTINCT toString(toDate(start_time)) AS day FROM {share.database}.spans_raw"
            f" WHERE {JUDGED} AND {share.numbers.older} AND {share.traces}"
        ).result_rows
        found = [Old(day) for (day,) in rows]
        for since, until, before in asked:
            rows = client.query(
                "SELECT DISTINCT toString(toDate(start_time)) AS day"
                f" FROM {share.database}.spans_raw"
                f" WHERE {JUDGED} AND {share.traces}"
                f" AND {_asked(since, until, before)}"
            ).result_rows
            found += [Old(day, before, since, until) for (day,) in rows]
        self._left = deque(sorted(found, key=lambda old: old.day, reverse=True))

    def take(self, client: Client, rows: int) -> tuple[list[DueTrace], int]:
        """Traces of about so many rows, newest first, and the ``before`` of what they are due for;
        no traces where nothing is left."""
        while not self._found and self._left:
            self._of = self._left.popleft()
            self._found.extend(self._search(client, self._of))
            if len(self._found) >= _MAX_TRACES:
                self._left.appendleft(self._of)
        return take(self._found, rows), self._of.before

    def _search(self, client: Client, old: Old) -> list[DueTrace]:
        due = _asked(old.since, old.until, old.before) if old.before else self._share.numbers.older
        return judged_before(client, self._share, old.day, due, "max(start_time) DESC", _MAX_TRACES)


def ask(client: Client, database: str, since: datetime, until: datetime) -> None:
    """Have the spans that start in [since, until) judged again. Raises ValueError where that is
    no stretch of time."""
    if since >= until:
        raise ValueError(f"since ({since.isoformat()}) must lie before until ({until.isoformat()})")
    client.insert(
        "rejudge_requests",
        [[since.astimezone(UTC), until.astimezone(UTC)]],
        column_names=["since", "until"],
        database=database,
    )


def requests(client: Client, database: str) -> list[tuple[int, int, int]]:
    """since, until and requested_at of each request, ms since 1970, newest first."""
    rows = client.query(
        "SELECT toUnixTimestamp64Milli(since), toUnixTimestamp64Milli(until),"
        f" toUnixTimestamp64Milli(requested_at) FROM {database}.rejudge_requests"
        f" WHERE requested_at > now() - INTERVAL {REQUEST_DAYS} DAY ORDER BY requested_at DESC"
    ).result_rows
    return [(int(since), int(until), int(at)) for since, until, at in rows]


def left(client: Client, database: str) -> int:
    """Rows that wait to be judged again."""
    asked = [f"({_asked(*each)})" for each in requests(client, database)]
    due = " OR ".join([newest(client, database).older, *asked])
    found = client.query(
        f"SELECT count() FROM {database}.spans_raw FINAL WHERE {JUDGED} AND ({due}) {_FINAL}"
    ).result_rows
    return int(found[0][0])


def _asked(since: int, until: int, before: int) -> str:
    return (
        f"start_time >= fromUnixTimestamp64Milli({since}, 'UTC')"
        f" AND start_time < fromUnixTimestamp64Milli({until}, 'UTC')"
        f" AND verdict_at < fromUnixTimestamp64Milli({before}, 'UTC')"
    )
