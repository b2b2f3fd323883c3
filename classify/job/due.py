"""Finds the traces that are due. There is no watermark: inserts become visible out of order.

A trace is due for its spans that were never judged, and for content that came as log records and is
not on its span yet. It is due once nothing of it has come for a while, or once it has waited long
enough. What an older set has judged is due too, but not here: see rejudge.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from clickhouse_connect.driver.client import Client

from classify.job.set_numbers import Numbers
from classify.settle.usage import CALLS
from clickhouse.cluster import everywhere, local

_Id = TypeVar("_Id")

DAY_NS = 86_400 * 10**9
_HOUR_NS = 3600 * 10**9

#: Traces that one search returns at most.
MAX_TRACES = 20_000
# Trace ids in one statement; ClickHouse refuses texts over 256 KiB.
_IDS_IN_A_STATEMENT = 4_000
# The ordinary search looks for late content no older than this; the sweep takes the rest.
_CONTENT_MINUTES = 15
# What was stored so far in the future was so before the clock was set back: it waits for nothing.
_AHEAD_MS = 60_000
#: A row that may be all of its trace, as SQL.
ROOT_CALL = f"parent_span_id = '' AND step_kind IN {CALLS}"
_FINAL = "SETTINGS do_not_merge_across_partitions_select_final = 1"


@dataclass(slots=True, frozen=True)
class DueTrace:
    """A trace to judge. ``first`` and ``last``: start of its pending rows, ns since 1970.

    ``rows``: pending rows; 0 where only content waits. ``waiting_seconds``: since the oldest of
    what waits was stored. ``root_calls``: pending rows that are a call of a model without a parent.
    """

    trace_id: str
    first: int
    last: int
    rows: int
    waiting_seconds: float = field(compare=False)
    root_calls: int = field(default=0, compare=False)


@dataclass(slots=True, frozen=True)
class Share:
    """Whose work it is: traces whose ``cityHash64(trace_id) % count`` is one of ``indices``, and
    verdicts of older sets than ``numbers``. ``cluster``: EVERYSPAN_CLUSTER."""

    database: str
    numbers: Numbers
    indices: frozenset[int]
    count: int
    cluster: str = ""

    @property
    def traces(self) -> str:
        """As SQL."""
        if len(self.indices) == self.count:
            return "1"
        these = ", ".join(map(str, sorted(self.indices)))
        return f"cityHash64(trace_id) % {self.count} IN ({these})" if these else "0"


class Finder:
    """Searches, and remembers which content has no span, so as not to look for it every second.

    Forgetting is harmless, and so is remembering: a span that comes later is pending itself.
    """

    def __init__(self, share: Share, quiet_seconds: float, max_wait_seconds: float) -> None:
        self._share = share
        self._quiet = quiet_seconds
        self._max_wait = max_wait_seconds
        self._orphans: dict[str, int] = {}

    def recent(self, client: Client) -> list[DueTrace]:
        """Due traces of the last two days, the longest waiting first."""
        return self._search(
            client,
            "start_time >= now() - INTERVAL 2 DAY",
            "time >= now() - INTERVAL 2 DAY"
            f" AND ingested_at >= now() - INTERVAL {_CONTENT_MINUTES} MINUTE",
        )

    def day(self, client: Client, day: str) -> list[DueTrace]:
        """Due traces with something pending on that day (UTC, YYYY-MM-DD)."""
        date = f"toDate('{day}')"
        return self._search(client, f"toDate(start_time) = {date}", f"toDate(time) = {date}")

    def days(self, client: Client) -> list[str]:
        """All days on which something may be pending, newest first, as YYYY-MM-DD."""
        share = self._share
        rows = client.query(
            "SELECT DISTINCT toString(day) AS day FROM ("
            f" SELECT toDate(start_time) AS day FROM {share.database}.spans_raw"
            " WHERE verdict_version = 0"
            " UNION ALL"
            f" SELECT toDate(time) AS day FROM {share.database}.span_content WHERE merged = 0"
            ") ORDER BY day DESC"
        ).result_rows
        return [day for (day,) in rows]

    def touched(self, client: Client, seconds: int) -> list[str]:
        """Days older than the last two to whose rows something was added within ``seconds``, newest
        first, as YYYY-MM-DD. Reads no rows: the age of their parts says so."""
        cluster = self._share.cluster
        rows = client.query(
            f"SELECT DISTINCT partition FROM {everywhere(cluster, 'system.parts')}"
            " WHERE active AND database = %(database)s AND table IN %(tables)s"
            " AND modification_time >= now() - %(seconds)s"
            " AND partition <= toString(toDate(now() - INTERVAL 2 DAY))"
            " ORDER BY partition DESC",
            parameters={
                "database": self._share.database,
                "seconds": seconds,
                "tables": [local(cluster, table) for table in ("spans_raw", "span_content")],
            },
        ).result_rows
        return [day for (day,) in rows]

    def _search(self, client: Client, spans: str, content: str) -> list[DueTrace]:
        share = self._share
        rows = client.query(
            f"""
            SELECT trace_id,
                   toUnixTimestamp64Nano(min(at)) AS first,
                   toUnixTimestamp64Nano(max(at)) AS last,
                   countIf(is_span) AS rows,
                   countIf(root_call) AS root_calls,
                   toUnixTimestamp64Milli(min(ingested_at)) AS oldest,
                   toUnixTimestamp64Milli(max(ingested_at)) AS newest,
                   dateDiff('millisecond', min(ingested_at), now64(3)) AS waiting
            FROM (
                SELECT trace_id, start_time AS at, ingested_at, 1 AS is_span,
                       {ROOT_CALL} AS root_call
                FROM {share.database}.spans_raw FINAL
                WHERE verdict_version = 0 AND {share.traces} AND {spans}
                UNION ALL
                SELECT trace_id, time AS at, ingested_at, 0 AS is_span, 0 AS root_call
                FROM {share.database}.span_content FINAL
                WHERE merged = 0 AND {share.traces} AND {content}
            )
            GROUP BY trace_id
            HAVING max(ingested_at) <= now64(3) - toIntervalMillisecond({self._quiet * 1000:.0f})
                OR waiting >= {self._max_wait * 1000:.0f}
                OR waiting < -{_AHEAD_MS}
            ORDER BY rows = 0, if(rows = 0, -newest, oldest)
            LIMIT {MAX_TRACES}
            {_FINAL}
            """
        ).result_rows
        due = [
            DueTrace(trace_id, first, last, count, waiting / 1000, calls)
            for trace_id, first, last, count, calls, _, _, waiting in rows
            if count
        ]
        unseen = {
            trace_id: (DueTrace(trace_id, first, last, 0, waiting / 1000), newest)
            for trace_id, first, last, count, _, _, newest, waiting in rows
            if not count and self._orphans.get(trace_id) != newest
        }
        return due + self._with_span(client, unseen)

    def _with_span(
        self, client: Client, candidates: dict[str, tuple[DueTrace, int]]
    ) -> list[DueTrace]:
        """Those whose content has a span to go to."""
        share = self._share
        found: set[str] = set()
        for ids in chunks(list(candidates), _IDS_IN_A_STATEMENT):
            first = min(candidates[i][0].first for i in ids) - DAY_NS
            last = max(candidates[i][0].last for i in ids) + DAY_NS
            content = client.query(
                f"SELECT trace_id, span_id FROM {share.database}.span_content FINAL"
                " PREWHERE trace_id IN %(ids)s WHERE merged = 0 AND "
                + between("time", first, last)
                + f" {_FINAL}",
                parameters={"ids": ids},
            ).result_rows
            spans = client.query(
                f"SELECT DISTINCT trace_id, span_id FROM {share.database}.spans_raw"
                " PREWHERE trace_id IN %(ids)s WHERE " + between("start_time", first, last),
                parameters={"ids": ids},
            ).result_rows
            found |= {trace_id for trace_id, _ in set(content) & set(spans)}
        if len(self._orphans) > 10 * MAX_TRACES:
            self._orphans.clear()
        self._orphans |= {i: newest for i, (_, newest) in candidates.items() if i not in found}
        return [trace for i, (trace, _) in candidates.items() if i in found]


def take(found: deque[DueTrace], rows: int) -> list[DueTrace]:
    """Traces of about so many rows off the front; one at least, where there is one."""
    taken: list[DueTrace] = []
    size = 0
    while found and (not taken or size + found[0].rows <= rows):
        taken.append(found.popleft())
        size += taken[-1].rows
    return taken


#: Rows that can be judged again, as SQL: of others the text is gone.
JUDGED = "verdict_version > 0 AND NOT text_removed"


def judged_before(
    client: Client, share: Share, day: str, due: str, order: str, most: int
) -> list[DueTrace]:
    """Traces with rows of that day (UTC, YYYY-MM-DD) that have verdicts and are ``due``; that and
    ``order`` as SQL, ``most`` at most."""
    rows = client.query(
        f"""
        SELECT trace_id, toUnixTimestamp64Nano(min(start_time)),
               toUnixTimestamp64Nano(max(start_time)), count()
        FROM {share.database}.spans_raw FINAL
        WHERE toDate(start_time) = toDate('{day}') AND {JUDGED}
          AND {share.traces} AND {due}
        GROUP BY trace_id
        ORDER BY {order}
        LIMIT {most}
        {_FINAL}
        """
    ).result_rows
    return [DueTrace(trace_id, first, last, count, 0.0) for trace_id, first, last, count in rows]


def batches(traces: Iterable[DueTrace], rows: Callable[[], int]) -> Iterator[list[DueTrace]]:
    """Groups of about so many pending rows, and few enough traces for one statement. ``rows`` is
    asked for each group.

    In the order of the table's key, so that a batch lies together on disk: without it, each would
    read through the whole hour.
    """
    batch: list[DueTrace] = []
    size = 0
    for trace in sorted(traces, key=lambda trace: (trace.first // _HOUR_NS, trace.trace_id)):
        if batch and (size + trace.rows > rows() or len(batch) >= _IDS_IN_A_STATEMENT):
            yield batch
            batch, size = [], 0
        batch.append(trace)
        size += max(1, trace.rows)
    if batch:
        yield batch


def between(column: str, first: int, last: int) -> str:
    """``column`` (DateTime64(9)) within ns since 1970, both ends included, as SQL."""
    return (
        f"{column} >= fromUnixTimestamp64Nano({_clamped(first)}, 'UTC')"
        f" AND {column} <= fromUnixTimestamp64Nano({_clamped(last)}, 'UTC')"
    )


def _clamped(time: int) -> int:
    return min(max(time, 0), (1 << 63) - 1)


def chunks(ids: Sequence[_Id], size: int) -> Iterator[Sequence[_Id]]:
    """The ids, so many at a time."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
