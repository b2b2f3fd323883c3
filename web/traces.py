"""`/traces`: which ones? One line a trace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from everyspan.masking.mask import masked

from grafana.build.sql import ROOT, classifiers, failed
from service import printable
from web.filters import ORDERS, PAGE, Filters
from web.reader import Reader, Row
from web.sql import at

#: Characters of question and answer.
_SAID = 200
#: A trace may begin before and end after the time that was asked for.
_MARGIN = timedelta(hours=6)
_SKEW = timedelta(minutes=10)
#: How far back the newest are looked for before all of the time that was asked for is read: where
#: traces are many, a page of them is minutes long.
_NEAR = (timedelta(minutes=15), timedelta(hours=3))
#: What the fields suggest.
_MOST_SUGGESTED = 200
_SUGGESTED_SECONDS = 60


@dataclass(slots=True)
class Found:
    """``rows``: one a trace. ``sql``: the statement that found them. ``more``: whether there are
    others after them."""

    rows: list[Row]
    sql: str
    more: bool


def statement(filters: Filters, now: datetime, begun: datetime | None = None) -> str:
    """The traces of one page and one more, a row each: runs by itself, on any ClickHouse that has
    them. ``begun``: of those that began since then, and no others."""
    where, steps = filters.where(now), filters.steps()
    start, end = filters.times(now)
    before = _MARGIN
    if begun:
        start = begun
        read_from = begun - _MARGIN if steps else begun
        # A trace's first step is its earliest, but for clocks that differ.
        before = _MARGIN if steps else _SKEW
        where += f" AND start_time >= {at(read_from)}"
    offset = f" OFFSET {PAGE * (filters.page - 1)}" if filters.page > 1 else ""
    order = ORDERS[filters.order]
    limit = f"ORDER BY {order}, trace_id\nLIMIT {PAGE + 1}{offset}"
    by_start = filters.order in ("newest", "oldest")
    if not steps and by_start:
        # By their first steps, which are a tenth of the rows.
        direction = "DESC" if filters.order == "newest" else ""
        found = f"""SELECT trace_id FROM spans
  WHERE {where}
    AND {ROOT}
  ORDER BY start_time {direction}, trace_id
  LIMIT {PAGE + 1}{offset}"""
        limit = f"ORDER BY {order}, trace_id"
    else:
        some = f"\n    AND ({' OR '.join(steps)})" if steps else ""
        wanted = [f"countIf({each}) > 0" for each in steps] if len(steps) > 1 else []
        if begun:
            wanted.append(f"min(start_time) >= {at(begun)}")
        having = " AND ".join(wanted)
        found = f"""SELECT trace_id FROM spans
  WHERE {where}{some}
  GROUP BY trace_id"""
        found += f"\n  HAVING {having}" if having else ""
        if by_start:
            direction = "DESC" if filters.order == "newest" else ""
            found += (
                f"\n  ORDER BY min(start_time) {direction}, trace_id\n  LIMIT {PAGE + 1}{offset}"
            )
            limit = f"ORDER BY {order}, trace_id"
    return f"""SELECT trace_id, min(start_time) AS started,
  max(toUnixTimestamp64Milli(start_time) + duration_ms) - min(toUnixTimestamp64Milli(start_time)) AS duration_ms,
  argMin(service_name, start_time) AS service, argMin(name, start_time) AS name,
  argMinIf(substringUTF8(input, 1, {_SAID}), start_time, input != '') AS question,
  argMinIf(substringUTF8(output, 1, {_SAID}), (parent_span_id != '', start_time), output != '') AS answer,
  groupUniqArrayArray({failed(classifiers())}) AS failures, countIf(status = 'error') AS errors,
  countIf(verdict_version = 0 OR notEmpty(unjudged)) AS unjudged_steps, count() AS steps,
  sum(cost_usd) AS cost_usd, sum(ifNull(input_tokens, 0) + ifNull(output_tokens, 0)) AS tokens,
  anyIf(session_id, session_id != '') AS session, anyIf(user_id, user_id != '') AS user,
  groupUniqArrayIf(5)(prompt_version, prompt_version != '') AS prompt_versions,
  groupUniqArrayIf(5)(model, model != '') AS models
FROM spans
WHERE {around(start, end, before)}
  AND trace_id IN (
  {found})
GROUP BY trace_id
{limit}"""


def around(first: datetime, last: datetime, before: timedelta = _MARGIN) -> str:
    """SQL of when the rows of traces are that were seen between these."""
    return f"start_time BETWEEN {at(first - before)} AND {at(last + _MARGIN)}"


def load(reader: Reader, filters: Filters, now: datetime) -> Found:
    """Raises AddressError and ReadError."""
    sql = statement(filters, now)
    start, end = filters.times(now)
    if filters.order == "newest":
        for near in _NEAR:
            if end - near <= start:
                break
            rows = reader.rows(statement(filters, now, end - near))
            if len(rows) > PAGE:
                # A whole page and one more began since: the statement over all finds the same.
                return Found(rows[:PAGE], sql, True)
    rows = reader.rows(sql)
    return Found(rows[:PAGE], sql, len(rows) > PAGE)


class Suggestions:
    """Values that the filters' fields suggest: those of the last day."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._found: dict[str, Any] = {}
        self._read_at = datetime.min.replace(tzinfo=UTC)

    def get(self, now: datetime) -> dict[str, list[str]]:
        """Parameter to values. Raises ReadError."""
        if (now - self._read_at).total_seconds() > _SUGGESTED_SECONDS:
            columns = {"service": "service_name", "environment": "environment", "model": "model",
                       "prompt_version": "prompt_version", "kind": "step_kind"}  # fmt: skip
            each = ", ".join(
                f"arraySort(groupUniqArrayIf({_MOST_SUGGESTED})({column}, {column} != '')) AS {name}"
                for name, column in columns.items()
            )
            # The rows as they came: which values there are does not change with their verdicts.
            rows = self._reader.rows(
                f"SELECT {each} FROM spans_raw WHERE start_time > {at(now - timedelta(days=1))}"
            )
            # As they are or not at all: a filter with a masked value would find nothing.
            self._found = {
                name: [value for value in values if value == printable.line(masked(value))]
                for name, values in rows[0].items()
            }
            self._read_at = now
        return self._found
