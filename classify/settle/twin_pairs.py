"""Which stored calls are to be held against each other (classify/settle/twins.py), as SQL.

What it finds is a little more than what are twins. Its cost is bounded: a pair of calls without a
response id is looked for among those that overlap in time, of so many calls at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clickhouse_connect.driver.client import Client

from classify.job.due import between, chunks
from classify.settle.twins import SpanIds
from classify.settle.usage import CALLS

Pairs = set[tuple[SpanIds, SpanIds]]

IS_CALL = f"step_kind IN {CALLS}"

#: Of one search. There are more only where a stand-in for a model gives every answer the same id.
_MAX_PAIRS = 20_000
#: Calls without an id that are looked for at a time, the newest first.
_MAX_SILENT = 5_000
#: They are looked for by the second in which the later one of a pair starts, up to so many after
#: the earlier one.
_SECOND, _SECONDS = 10**9, 60
#: ClickHouse refuses statements over 256 KiB, and a sender chooses how long its ids are.
_SPANS_IN_A_STATEMENT, _ANSWERS_IN_A_STATEMENT, _LONGEST_ID = 2_000, 400, 128


def candidates(
    client: Client, calls: str, asked: str, parameters: Mapping[str, Any], *, silent: bool
) -> Pairs:
    """Pairs of calls of which one is asked for. ``calls``: what follows FROM, with a WHERE;
    ``asked``: another condition; ``silent``: those without an id, too. Both as SQL."""
    found = _same_id(client, calls, asked, parameters)
    if silent:
        found |= _alike(client, calls, asked, parameters)
    return found


def marked(client: Client, database: str, pairs: Pairs, window: tuple[int, int]) -> Pairs:
    """Pairs of which one says so: what the spans of ``pairs`` are twins of, and what is a twin of
    them. ``window``: of their start, ns since 1970."""
    found: Pairs = set()
    spans = sorted({ids for pair in pairs for ids in pair})
    for chunk in chunks(spans, _SPANS_IN_A_STATEMENT):
        for trace_id, span_id, twin_of in client.query(
            f"SELECT trace_id, span_id, twin_of FROM {database}.spans_raw"
            " WHERE twin_of != '' AND (twin_of IN %(there)s OR trace_id IN %(here)s)"
            f" AND {between('start_time', *window)}",
            parameters={
                "there": [f"{trace_id}/{span_id}" for trace_id, span_id in chunk],
                "here": [trace_id for trace_id, _ in chunk],
            },
        ).result_rows:
            there, _, counted = twin_of.partition("/")
            found.add(((trace_id, span_id), (there, counted)))
    return found


def _same_id(client: Client, calls: str, asked: str, parameters: Mapping[str, Any]) -> Pairs:
    calls += f" AND response_id != '' AND length(response_id) <= {_LONGEST_ID}"
    ids = client.query(
        f"SELECT response_id FROM {calls} AND response_id GLOBAL IN"
        f" (SELECT response_id FROM {calls} AND {asked})"
        " GROUP BY response_id HAVING uniqExact(scope_name) > 1",
        parameters=dict(parameters),
    ).result_rows
    found: Pairs = set()
    for chunk in chunks([response_id for (response_id,) in ids], _ANSWERS_IN_A_STATEMENT):
        these = f"{calls} AND response_id IN %(ids)s"
        found |= _joined(
            client,
            (these, "response_id"),
            (these, "response_id"),
            "c.trace_id < a.trace_id",
            {"ids": chunk},
        )
    return found


def _alike(client: Client, calls: str, asked: str, parameters: Mapping[str, Any]) -> Pairs:
    """One of a pair has no id; where both have one, that says it."""
    calls += (
        f" AND service_name GLOBAL IN (SELECT service_name FROM {calls} GROUP BY service_name"
        " HAVING uniqExact(scope_name) > 1 AND countIf(response_id = '') > 0)"
    )
    asked = f"{calls} AND {asked} ORDER BY start_time DESC LIMIT {_MAX_SILENT}"
    first = f"intDiv(begins, {_SECOND})"
    during = f"arrayJoin(range({first}, least(intDiv(ends, {_SECOND}), {first} + {_SECONDS}) + 1))"
    begins, lasts = (f"concat(service_name, toString({second}))" for second in (first, during))
    condition = (
        "(c.response_id = '' OR a.response_id = '')"
        " AND (c.parent_span_id = '' OR a.parent_span_id = '')"
        " AND (c.output_tokens = a.output_tokens"
        " OR ifNull(c.output_tokens, 0) = 0 OR ifNull(a.output_tokens, 0) = 0)"
    )
    # The time of one within the other's, whichever it is.
    return _joined(client, (calls, begins), (asked, lasts), condition, parameters) | _joined(
        client, (calls, lasts), (asked, begins), condition, parameters
    )


def _joined(
    client: Client,
    calls: tuple[str, str],
    asked: tuple[str, str],
    condition: str,
    parameters: Mapping[str, Any],
) -> Pairs:
    """``calls``, ``asked``: what follows FROM, and what both of a pair have. ``condition``: of a
    pair of ``c`` and ``a``."""
    columns = (
        "trace_id, span_id, parent_span_id, step_kind, scope_name, model, response_id,"
        " output_tokens, toUnixTimestamp64Nano(start_time) AS begins,"
        " begins + toInt64(duration_ms * 1e6) AS ends"
    )
    # The key outside: of what is cut to a number of rows before.
    c, a = (
        f"(SELECT *, {key} AS key FROM (SELECT {columns}, service_name FROM {rows}))"
        for rows, key in (calls, asked)
    )
    rows = client.query(
        f"SELECT DISTINCT c.trace_id, c.span_id, a.trace_id, a.span_id FROM {c} AS c"
        f" GLOBAL INNER JOIN {a} AS a ON c.key = a.key AND c.step_kind = a.step_kind"
        " WHERE c.trace_id != a.trace_id AND c.scope_name != a.scope_name"
        " AND c.begins <= a.ends AND a.begins <= c.ends"
        " AND (startsWith(c.model, toString(a.model)) OR startsWith(a.model, toString(c.model)))"
        f" AND {condition} LIMIT {_MAX_PAIRS}",
        parameters=dict(parameters),
    ).result_rows
    return {((c_trace, c_span), (a_trace, a_span)) for c_trace, c_span, a_trace, a_span in rows}
