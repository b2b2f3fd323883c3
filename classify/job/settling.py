"""Counts numbers once that wait for the classifiers, however long they wait.

The job settles a trace when it judges it. With a backlog that is late, and until then a call that
two spans report would count twice. So what came since the last look is settled by itself: of the
traces that rows came for, the columns that numbers hang on are read, and of the few in which one
counts elsewhere, the rows. They are written as they are without a verdict, which any verdict
replaces, so that beside the job this is no second writer of what it has judged.

What it has seen is in memory alone. At the start all that waits is looked at: a row that is settled
stays as it is, so a stop loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.job.due import DAY_NS, ROOT_CALL, DueTrace, Share
from classify.job.rows import Rows, Schema, TooLargeError, read_schema
from classify.job.set_numbers import Numbers
from classify.job.traces import spans_of, spans_of_some, traces_of
from classify.settings import ClassifySettings
from classify.settle.early import counted_early
from classify.settle.runs import runs
from classify.settle.twin_search import LATE_SECONDS as TWIN_SECONDS
from classify.settle.twin_search import TwinSearch
from classify.settle.twins import Twin, twin_of
from classify.shares.leases import Grant, alone
from clickhouse.cluster import everywhere, local
from clickhouse.native import read_columns, write_columns
from clickhouse.span import SPAN_COLUMNS, Span

#: Of its time, one in so many seconds is spent here at most, and so many at a stretch.
_TIME_SHARE = 5
_LONGEST_SECONDS = 2.0
#: What is stored may be seen so much later.
_SLACK_SECONDS = 10
#: Traces that wait to be looked at, and those that are remembered; beyond, the job settles them.
_MOST_WAITING = 200_000
#: Rows and traces that are read at a time. A larger trace is the job's, which takes it in parts.
_ROWS, _TRACES = 20_000, 2_000
_span_values = attrgetter(*SPAN_COLUMNS)


@dataclass(slots=True)
class _Waiting:
    """A trace to look at. ``first`` and ``last``: start of its rows, ns since 1970. ``at``: when;
    ``quiet_at``: when nothing of it has come for long enough; both as time.monotonic()."""

    first: int
    last: int
    rows: int
    root_calls: int
    at: float
    quiet_at: float


class Settling:
    """For one share of the traces, and one thread. Raises clickhouse-connect's errors, after which
    it may be called again."""

    def __init__(self, settings: ClassifySettings, connect: Callable[[], Client]) -> None:
        self._settings = settings
        self._connect = connect
        self._grant = alone(settings)
        self._share = self._shares()
        self._client: Client | None = None
        self._schema: Schema | None = None
        self._twins = TwinSearch(self._share)
        self._next_at = self._twins_at = 0.0
        self._looked_at: float | None = None
        self._waiting: dict[str, _Waiting] = {}
        #: Traces that were looked at as they are now: newest row, ms since 1970, and rows.
        self._seen: dict[str, tuple[int, int]] = {}

    def work_on(self, grant: Grant) -> None:
        """Of these shares from now on, all that waits."""
        if grant != self._grant:
            self.close()
            self._grant = grant
            self._share = self._shares()
            self._twins = TwinSearch(self._share)
            self._next_at = self._twins_at = 0.0

    def _shares(self) -> Share:
        settings, grant = self._settings, self._grant
        return Share(settings.database, Numbers(0), grant.shares, grant.shares_of, settings.cluster)

    def run(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Settle what has come; returns rows written. Does nothing while its share of the time is
        used up."""
        began = time.monotonic()
        if began < min(self._next_at, self._twins_at):
            return 0
        try:
            if self._client is None:
                self._client = self._connect()
            return self._run(self._client, stopping)
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """End the connection; what was seen is looked at again."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self._looked_at = None
        self._waiting.clear()
        self._seen.clear()

    def _run(self, client: Client, stopping: Callable[[], bool]) -> int:
        if self._schema is None:
            self._schema = read_schema(client, self._settings.database, ())
        rows = Rows(client, self._settings, self._schema, self._grant.fence)
        first = self._looked_at is None
        written = 0
        began = time.monotonic()
        if began >= self._next_at:
            self._look(client)
            found = dict(self._waiting)
            for ids in self._due():
                written += self._settle(rows, ids, {})
                if stopping() or time.monotonic() >= began + _LONGEST_SECONDS:
                    break
            self._next_at = time.monotonic() + (_TIME_SHARE - 1) * (time.monotonic() - began)
            if first:
                return written + self._mark_twins(client, rows, found)
        if time.monotonic() >= self._twins_at:
            written += self._mark_twins(client, rows)
        return written

    def _look(self, client: Client) -> None:
        """Put the traces in line that rows came for."""
        before, looked_at = self._looked_at, time.monotonic()
        which = "1"
        if before is not None:
            ago = looked_at - before + _SLACK_SECONDS
            days = self._touched(client, ago)
            if not days:
                self._looked_at = looked_at
                return
            which = (
                f"ingested_at >= now64(3) - toIntervalMillisecond({ago * 1000:.0f})"
                " AND (start_time >= now() - INTERVAL 2 DAY"
                f" OR has({days}, toString(toDate(start_time))))"
            )
        found = client.query(
            "SELECT trace_id, toUnixTimestamp64Nano(min(start_time)),"
            " toUnixTimestamp64Nano(max(start_time)),"
            f" uniqExact(span_id, fingerprint), countIf({ROOT_CALL}),"
            " toUnixTimestamp64Milli(max(ingested_at)) AS newest,"
            " dateDiff('millisecond', max(ingested_at), now64(3))"
            f" FROM {self._share.database}.spans_raw"
            f" WHERE verdict_version = 0 AND {self._share.traces} AND {which}"
            f" GROUP BY trace_id ORDER BY newest DESC LIMIT {_MOST_WAITING}"
        ).result_rows
        if len(self._seen) > _MOST_WAITING:
            self._seen.clear()
        for trace_id, start, end, count, calls, newest, age in found:
            if self._seen.get(trace_id) == (newest, count):
                continue
            self._seen[trace_id] = (newest, count)
            quiet_at = looked_at + self._settings.classify_trace_quiet_seconds - age / 1000
            before_it = self._waiting.get(trace_id)
            if before_it is not None:
                start, end = min(start, before_it.first), max(end, before_it.last)
            elif len(self._waiting) >= _MOST_WAITING:
                continue
            self._waiting[trace_id] = _Waiting(start, end, count, calls, looked_at, quiet_at)
        self._looked_at = looked_at

    def _touched(self, client: Client, seconds: float) -> list[str]:
        """Days to whose rows something was added, as YYYY-MM-DD: the age of their parts says so."""
        cluster = self._settings.cluster
        rows = client.query(
            f"SELECT DISTINCT partition FROM {everywhere(cluster, 'system.parts')}"
            f" WHERE active AND table = '{local(cluster, 'spans_raw')}'"
            " AND database = %(database)s AND modification_time >= now() - %(seconds)s",
            parameters={"database": self._share.database, "seconds": int(seconds) + 1},
        ).result_rows
        return [day for (day,) in rows]

    def _due(self) -> Iterator[list[str]]:
        """Ids of traces to look at now, so many at a time."""
        now = time.monotonic()
        ids: list[str] = []
        size = 0
        for trace_id in [i for i, each in self._waiting.items() if each.at <= now]:
            rows = self._waiting[trace_id].rows
            if rows > _ROWS:
                del self._waiting[trace_id]
                continue
            if ids and (size + rows > _ROWS or len(ids) >= _TRACES):
                yield ids
                ids, size = [], 0
            ids.append(trace_id)
            size += rows
        if ids:
            yield ids

    def _mark_twins(
        self, client: Client, rows: Rows, found: Mapping[str, _Waiting] | None = None
    ) -> int:
        """Settle what turned out to be the same call as one of another trace. ``found``: of these
        traces; else of what has come since."""
        began = time.monotonic()
        if found is not None:
            asked = [
                DueTrace(i, each.first, each.last, each.rows, 0.0, each.root_calls)
                for i, each in found.items()
                if each.root_calls
            ]
            twins = self._twins.of(client, asked)
        else:
            asked, twins = self._twins.late(client, judged=False)
        quiet_at = began + self._settings.classify_trace_quiet_seconds
        for trace in asked:
            if trace.trace_id in twins:
                waiting = _Waiting(trace.first, trace.last, trace.rows, 0, began, quiet_at)
                self._waiting.setdefault(trace.trace_id, waiting)
        self._twins_at = began + max(TWIN_SECONDS, _TIME_SHARE * (time.monotonic() - began))
        ids = [i for i in twins if i in self._waiting]
        return sum(
            self._settle(rows, ids[at : at + _TRACES], twins) for at in range(0, len(ids), _TRACES)
        )

    def _settle(self, rows: Rows, ids: Sequence[str], twins: Mapping[str, Twin]) -> int:
        """Settle these traces, which wait no longer unless they are not quiet yet. Returns rows
        written."""
        if not ids:
            return 0
        line = [self._waiting[trace_id] for trace_id in ids]
        window = (min(t.first for t in line) - DAY_NS, max(t.last for t in line) + DAY_NS)
        quiet = {i for i in ids if self._waiting[i].quiet_at <= time.monotonic()}
        columns = read_columns(rows.read_reports(ids, window))
        changed, later = [], set()
        for trace in _traces(columns, spans_of_some(columns)):
            twin = twin_of(trace.spans[0], twins)
            if trace.changes(twin, quiet=trace.id in quiet):
                changed.append(trace.id)
            if trace.id not in quiet and trace.changes(twin, quiet=True):
                later.add(trace.id)
        for trace_id in ids:
            if trace_id in later:
                self._waiting[trace_id].at = self._waiting[trace_id].quiet_at
            else:
                del self._waiting[trace_id]
        return self._write(rows, changed, window, twins, quiet)

    def _write(
        self,
        rows: Rows,
        ids: Sequence[str],
        window: tuple[int, int],
        twins: Mapping[str, Twin],
        quiet: set[str],
    ) -> int:
        if not ids:
            return 0
        try:
            columns = read_columns(rows.read_spans(ids, window))
        except TooLargeError:
            middle = len(ids) // 2
            if not middle:
                return 0  # the job takes it in parts
            halves = (ids[:middle], ids[middle:])
            return sum(self._write(rows, half, window, twins, quiet) for half in halves)
        found = [
            change
            for trace in _traces(columns, spans_of(columns))
            for change in trace.changes(twin_of(trace.spans[0], twins), quiet=trace.id in quiet)
        ]
        if found:
            assert self._schema is not None
            rows.write_spans(_block(self._schema.spans, columns, found))
        return len(found)


@dataclass(slots=True)
class _Trace:
    """One run of a trace, some of which has no verdict. ``positions``: of its rows."""

    id: str
    positions: Sequence[int]
    spans: Sequence[Span]
    judged: Sequence[bool]

    def changes(self, twin: Twin | None, *, quiet: bool) -> list[tuple[int, Span]]:
        """Position and what becomes of it, of each row without verdict that changes."""
        found = counted_early(self.spans, self.judged, twin, quiet=quiet)
        return [
            (i, after)
            for i, before, after in zip(self.positions, self.spans, found, strict=True)
            if after is not before and after != before
        ]


def _traces(columns: Mapping[str, Sequence[Any]], spans: list[Span]) -> Iterator[_Trace]:
    """``spans``: one for each row."""
    if not spans:
        return
    number = runs(columns)
    for span, run in zip(spans, number, strict=False):
        span.id_reuse = run
    for positions in traces_of(spans):
        judged = [columns["verdict_version"][i] > 0 for i in positions]
        if not all(judged):
            trace = [spans[i] for i in positions]
            yield _Trace(trace[0].trace_id, positions, trace, judged)


def _block(
    types: Mapping[str, str],
    columns: Mapping[str, Sequence[Any]],
    changed: Sequence[tuple[int, Span]],
) -> bytes:
    new = {name: [columns[name][i] for i, _ in changed] for name in types}
    values = zip(*(_span_values(span) for _, span in changed), strict=True)
    new |= dict(zip(SPAN_COLUMNS, map(list, values), strict=True))
    return write_columns(types, new)
