"""Looks for spans of other traces that report the same call of a model (classify/settle/twins.py).

Twice: when a trace that is but one call is judged first, and every few seconds for those of the
last minutes whose other report came later, or has changed since. What it goes by is stored, so a
stop forgets nothing. Where all calls come from one instrumentation, which one small query tells,
nothing more is read.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.settle.twins import CACHE_WRITTEN, TWIN, Twin, is_orphan, match, told
from classify.settle.usage import CALLS, FIELDS, REPORTED_USAGE
from classify.work import DueTrace, Share, between, chunks
from clickhouse.span import Span

#: How often calls are looked at whose other report may have come since they were judged.
LATE_SECONDS = 5.0
#: How long after a call's start its other report is waited for, in seconds.
WINDOW_SECONDS = 900
#: What is stored may be seen so much later.
_SLACK_SECONDS = 10
#: The two reports overlap in time; a call lasts this long at most, in seconds.
_LONGEST_CALL_SECONDS = 900
#: Pairs of one search. There are more only where a stand-in for a model gives every answer the
#: same id.
_MAX_PAIRS = 20_000
#: Characters of a text that are compared.
_TEXT = 4_000
#: Calls without an id are compared with those of the same ten seconds; a long one is looked at
#: this often.
_BUCKET_NS, _BUCKETS = 10 * 10**9, 90
_FINAL = "SETTINGS do_not_merge_across_partitions_select_final = 1"
_IS_CALL = f"step_kind IN {CALLS}"
_KEPT = (REPORTED_USAGE, TWIN, *CACHE_WRITTEN)
_Ids = tuple[str, str]


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
        found = self._search(
            client,
            (min(trace.first for trace in asked), max(trace.last for trace in asked)),
            "trace_id IN %(ids)s",
            {"ids": [trace.trace_id for trace in asked]},
        )
        twins = _matched(found)
        return {t.trace_id: twins[t.trace_id] for t in asked if t.trace_id in twins}

    def late(self, client: Client) -> tuple[list[DueTrace], dict[str, Twin]]:
        """Traces of the last minutes that were judged and are something else than their rows say,
        to be judged again, and what they are."""
        before, self._looked_at = self._looked_at, time.monotonic()
        ago = WINDOW_SECONDS if before is None else self._looked_at - before + _SLACK_SECONDS
        now = time.time_ns()
        found = self._search(
            client,
            (now - WINDOW_SECONDS * 10**9, now),
            "greatest(ingested_at, verdict_at)"
            f" >= now64(3) - toIntervalMillisecond({ago * 1000:.0f})",
        )
        twins = {
            trace_id: twin
            for trace_id, twin in _matched(found).items()
            if found[trace_id].ours
            and not found[trace_id].pending
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
        parameters: Mapping[str, Any] | None = None,
    ) -> dict[str, _Trace]:
        """Traces with calls that may be one of the ``asked`` (SQL) or the same as one of them.
        ``window``: first and last start of what is asked, ns since 1970."""
        around = (window[0] - _LONGEST_CALL_SECONDS * 10**9, window[1] + WINDOW_SECONDS * 10**9)
        rows = f"{self._share.database}.spans_raw WHERE {between('start_time', *around)}"
        rows += f" AND {_IS_CALL}"
        several = client.query(
            "SELECT service_name, groupUniqArray(scope_name), countIf(empty(response_id))"
            f" FROM {rows} GROUP BY service_name"
        ).result_rows
        if len({scope for _, scopes, _ in several for scope in scopes}) < 2:
            return {}
        names = dict(parameters or {})
        pairs = _pairs(
            client,
            f"{rows} AND response_id != ''"
            f" AND response_id GLOBAL IN (SELECT response_id FROM {rows} AND {asked})",
            f"{rows} AND response_id != '' AND {asked}",
            "response_id",
            "1",
            names,
        )
        # Where both have an id, that says it.
        services = [name for name, scopes, without in several if len(scopes) > 1 and without]
        if services:
            rows += " AND service_name IN %(services)s"
            alike = _pairs(
                client,
                rows,
                f"{rows} AND {asked}",
                f"concat(service_name, toString(arrayJoin(range(intDiv(begins, {_BUCKET_NS}),"
                f" least(intDiv(ends, {_BUCKET_NS}), intDiv(begins, {_BUCKET_NS}) + {_BUCKETS})"
                " + 1))))",
                "(c.response_id = '' OR a.response_id = '')"
                " AND (c.parent_span_id = '' OR a.parent_span_id = '')"
                " AND (c.output_tokens = a.output_tokens"
                " OR ifNull(c.output_tokens, 0) = 0 OR ifNull(a.output_tokens, 0) = 0)",
                names | {"services": services},
            )
            pairs |= alike
        return self._load(client, pairs | self._marked(client, pairs, around), around)

    def _marked(self, client: Client, ids: Collection[_Ids], window: tuple[int, int]) -> set[_Ids]:
        """What these were told to be twins of, and others that are twins of these."""
        found: set[_Ids] = set()
        rows = f"{self._share.database}.spans_raw"
        for chunk in chunks(sorted(ids), 2_000):
            marked: Sequence[Sequence[str]] = client.query(
                f"SELECT trace_id, span_id, twin_of FROM {rows}"
                " WHERE twin_of != '' AND (twin_of IN %(there)s OR trace_id IN %(here)s)"
                f" AND {between('start_time', *window)}",
                parameters={
                    "there": [f"{trace_id}/{span_id}" for trace_id, span_id in chunk],
                    "here": [trace_id for trace_id, _ in chunk],
                },
            ).result_rows
            for trace_id, span_id, twin_of in marked:
                there, _, counted = twin_of.partition("/")
                found |= {(trace_id, span_id), (there, counted)}
        return found

    def _load(
        self, client: Client, ids: Iterable[_Ids], window: tuple[int, int]
    ) -> dict[str, _Trace]:
        """The traces of these spans, with those of their calls that may be the same as others."""
        spans: dict[str, set[str]] = {}
        for trace_id, span_id in ids:
            spans.setdefault(trace_id, set()).add(span_id)
        traces: dict[str, _Trace] = {}
        ours = self._share.traces.replace("%", "%%")
        for chunk in chunks(sorted(spans), 4_000):
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
        for chunk in chunks(sorted(spans), 4_000):
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
            " response_id twin_of scope_name"
        ).split()
        columns = {name: name for name in (*plain, *FIELDS)}
        columns["start_time"] = "toUnixTimestamp64Nano(start_time)"
        columns |= {name: text(name, _TEXT) for name in ("input", "output")}
        columns |= {name: text(name, 100) for name in ("system_instructions", "tool_definitions")}
        columns["attributes"] = f"mapFilter((k, v) -> k IN {_KEPT}, attributes)"
        rows = client.query(
            f"SELECT {', '.join(columns.values())} FROM {self._share.database}.spans_raw FINAL"
            f" PREWHERE trace_id IN %(ids)s WHERE {_IS_CALL}"
            f" AND {between('spans_raw.start_time', *window)} {_FINAL}",
            parameters={"ids": ids},
        ).result_rows
        return [Span(**dict(zip(columns, row, strict=True))) for row in rows]


def _pairs(
    client: Client,
    calls: str,
    asked: str,
    key: str,
    condition: str,
    parameters: Mapping[str, Any],
) -> set[_Ids]:
    """Calls that are much the same as one of the ``asked``, and these: (trace_id, span_id).
    ``calls``, ``asked``: what follows FROM; ``key``: what both of a pair have; ``condition``: of a
    pair of ``c`` and ``a``. All as SQL."""
    columns = (
        "trace_id, span_id, parent_span_id, step_kind, scope_name, model, response_id,"
        " output_tokens, toUnixTimestamp64Nano(start_time) AS begins,"
        f" begins + toInt64(duration_ms * 1e6) AS ends, {key} AS key"
    )
    rows = client.query(
        "SELECT DISTINCT c.trace_id, c.span_id, a.trace_id, a.span_id"
        f" FROM (SELECT {columns} FROM {calls}) AS c"
        f" GLOBAL INNER JOIN (SELECT {columns} FROM {asked}) AS a"
        " ON c.key = a.key AND c.step_kind = a.step_kind"
        " WHERE c.trace_id != a.trace_id AND c.scope_name != a.scope_name"
        " AND c.begins <= a.ends AND a.begins <= c.ends"
        " AND (startsWith(c.model, toString(a.model)) OR startsWith(a.model, toString(c.model)))"
        f" AND {condition} LIMIT {_MAX_PAIRS}",
        parameters=dict(parameters),
    ).result_rows
    return {ids for c, of_c, a, of_a in rows for ids in ((c, of_c), (a, of_a))}


def _matched(traces: Mapping[str, _Trace]) -> dict[str, Twin]:
    calls = [span for trace in traces.values() for span in trace.calls]
    return match(calls, {trace_id for trace_id, trace in traces.items() if trace.orphan})
