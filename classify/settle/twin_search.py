"""Looks for spans of other traces that report the same call of a model (classify/settle/twins.py).

Twice: when a trace that is but one call is judged first, and every few seconds for those of the
last minutes whose other report came later, or has changed since. What it goes by is stored, so a
stop forgets nothing. Where all calls come from one instrumentation, which one small query tells,
nothing more is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.job.due import DueTrace, Share, between, chunks
from classify.settle.twin_pairs import IS_CALL, Pairs, candidates, marked
from classify.settle.twins import CACHE_WRITTEN, TWIN, SpanIds, Twin, is_orphan, match, told
from classify.settle.usage import FIELDS, REPORTED_USAGE
from clickhouse.span import Span

#: How often calls are looked at whose other report may have come since they were judged.
LATE_SECONDS = 5.0
#: How long after a call's start its other report is waited for, in seconds.
WINDOW_SECONDS = 900
#: What is stored may be seen so much later.
_SLACK_SECONDS = 10
#: The two reports overlap in time; a call lasts this long at most, in seconds.
_LONGEST_CALL_SECONDS = 900
#: ClickHouse refuses statements over 256 KiB.
_TRACES_IN_A_STATEMENT = 4_000
#: Characters of a text that are compared.
_TEXT = 4_000
_FINAL = "SETTINGS do_not_merge_across_partitions_select_final = 1"
_KEPT = (REPORTED_USAGE, TWIN, *CACHE_WRITTEN)


@dataclass(slots=True)
class _Trace:
    """``ours``: of this share. ``pending``: some of it is to be judged anyway."""

    orphan: bool
    ours: bool
    pending: bool
    calls: list[Span] = field(default_factory=list)


class TwinSearch:
    """Searches for one share of the work. Raises clickhouse-connect's errors."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._looked_at: float | None = None
        #: What traces were judged again for, so that it happens once.
        self._told: dict[str, Twin] = {}

    def of(self, client: Client, traces: Sequence[DueTrace]) -> dict[str, Twin]:
        """trace_id to what it is, of those of the traces that are one call and nothing else, and
        that may be the same call as a span of another trace."""
        asked = [trace for trace in traces if trace.root_calls]
        if not asked:
            return {}
        ids = [trace.trace_id for trace in asked]
        _, twins = self._search(
            client,
            (min(trace.first for trace in asked), max(trace.last for trace in asked)),
            "trace_id IN %(ids)s",
            [{"ids": chunk} for chunk in chunks(ids, _TRACES_IN_A_STATEMENT)],
        )
        return {t.trace_id: twins[t.trace_id] for t in asked if t.trace_id in twins}

    def late(
        self, client: Client, *, judged: bool = True
    ) -> tuple[list[DueTrace], dict[str, Twin]]:
        """Traces of the last minutes that were judged (or are still to be) and are something else
        than their rows say, and what they are."""
        before, self._looked_at = self._looked_at, time.monotonic()
        ago = WINDOW_SECONDS if before is None else self._looked_at - before + _SLACK_SECONDS
        now = time.time_ns()
        found, twins = self._search(
            client,
            (now - WINDOW_SECONDS * 10**9, now),
            "greatest(ingested_at, verdict_at)"
            f" >= now64(3) - toIntervalMillisecond({ago * 1000:.0f})",
            [{}],
        )
        twins = {
            trace_id: twin
            for trace_id, twin in twins.items()
            if found[trace_id].ours
            and found[trace_id].pending is not judged
            and twin not in (told(found[trace_id].calls), self._told.get(trace_id))
        }
        if len(self._told) > 100_000:
            self._told.clear()
        self._told |= twins
        due = []
        for trace_id in twins:
            starts = [span.start_time for span in found[trace_id].calls]
            due.append(DueTrace(trace_id, min(starts), max(starts), len(starts), 0.0))
        return due, twins

    def _search(
        self,
        client: Client,
        window: tuple[int, int],
        asked: str,
        parts: Iterable[Mapping[str, Any]],
    ) -> tuple[dict[str, _Trace], dict[str, Twin]]:
        """Traces with calls that may be one of the ``asked`` or the same as one of them, and what
        those of one call are. ``asked``: SQL, its parameters part by part. ``window``: first and
        last start of what is asked, ns since 1970."""
        around = (window[0] - _LONGEST_CALL_SECONDS * 10**9, window[1] + WINDOW_SECONDS * 10**9)
        database = self._share.database
        # A replay repeats recorded answers with their ids: it is a call of its own.
        calls = (
            f"{database}.spans_raw WHERE {between('start_time', *around)} AND {IS_CALL}"
            " AND replay_of = ''"
        )
        scopes = [
            set(found)
            for (found,) in client.query(
                f"SELECT groupUniqArray(scope_name) FROM {calls} GROUP BY service_name"
            ).result_rows
        ]
        if len(set().union(*scopes)) < 2:
            return {}, {}
        silent = any(len(found) > 1 for found in scopes)
        pairs: Pairs = set()
        for part in parts:
            pairs |= candidates(client, calls, asked, part, silent=silent)
        if not pairs:
            return {}, {}
        pairs |= marked(client, database, pairs, around)
        traces = self._load(client, {ids for pair in pairs for ids in pair}, around)
        orphans = {trace_id for trace_id, trace in traces.items() if trace.orphan}
        spans = [span for trace in traces.values() for span in trace.calls]
        return traces, match(spans, orphans, pairs)

    def _load(
        self, client: Client, ids: Iterable[SpanIds], window: tuple[int, int]
    ) -> dict[str, _Trace]:
        """The traces of these spans, with those of their calls that may be the same as others."""
        spans: dict[str, set[str]] = {}
        for trace_id, span_id in ids:
            spans.setdefault(trace_id, set()).add(span_id)
        traces: dict[str, _Trace] = {}
        ours = self._share.traces.replace("%", "%%")
        for chunk in chunks(sorted(spans), _TRACES_IN_A_STATEMENT):
            for trace_id, kinds, roots, mine, pending in client.query(
                "SELECT trace_id, groupUniqArray(toString(step_kind)),"
                " groupArrayIf(toString(step_kind), parent_span_id = ''),"
                f" any({ours}), max(verdict_version = 0)"
                f" FROM {self._share.database}.spans_raw FINAL"
                f" PREWHERE trace_id IN %(ids)s WHERE {between('start_time', *window)}"
                f" GROUP BY trace_id {_FINAL}",
                parameters={"ids": chunk},
            ).result_rows:
                traces[trace_id] = _Trace(is_orphan(kinds, roots), bool(mine), bool(pending))
        if not any(trace.orphan for trace in traces.values()):
            return {}
        for chunk in chunks(sorted(spans), _TRACES_IN_A_STATEMENT):
            for span in self._calls(client, chunk, window):
                trace = traces.get(span.trace_id)
                if trace and (trace.orphan or span.span_id in spans[span.trace_id]):
                    trace.calls.append(span)
        return traces

    def _calls(self, client: Client, ids: Sequence[str], window: tuple[int, int]) -> list[Span]:
        def text(column: str, most: int) -> str:
            return (
                f"if(lengthUTF8({column}) > {most}, concat(substringUTF8({column}, 1, {most}),"
                f" '…[everyspan: 0 bytes cut]'), {column})"
            )

        plain = (
            "trace_id span_id parent_span_id service_name step_kind duration_ms status model"
            " response_id twin_of scope_name project"
        ).split()
        columns = {name: name for name in (*plain, *FIELDS)}
        columns["start_time"] = "toUnixTimestamp64Nano(start_time)"
        columns |= {name: text(name, _TEXT) for name in ("input", "output")}
        columns |= {name: text(name, 100) for name in ("system_instructions", "tool_definitions")}
        columns["attributes"] = f"mapFilter((k, v) -> k IN {_KEPT}, attributes)"
        rows = client.query(
            f"SELECT {', '.join(columns.values())} FROM {self._share.database}.spans_raw FINAL"
            f" PREWHERE trace_id IN %(ids)s WHERE {IS_CALL}"
            f" AND {between('start_time', *window)} {_FINAL}",
            parameters={"ids": ids},
        ).result_rows
        return [Span(**dict(zip(columns, row, strict=True))) for row in rows]
