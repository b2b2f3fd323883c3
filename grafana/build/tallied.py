"""What is counted of a window: hours in which nothing changes any more out of ``hour_tallies``, the
rest out of the rows.

The same answer either way: an hour's tallies are taken only where the whole hour lies in the window,
no filter is set that they don't know, and no row of it changed since they were made. Which hours these
are, and which not, is asked once for both halves (ClickHouse evaluates equal scalar subqueries of a
statement once), so that none counts twice or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classify.tallies.counting import CUSTOM, JUDGED, OWN, ROOT, STEP, columns, counts
from grafana.build.quoting import one
from grafana.build.sql import COVERED, ONCE, of_service, where

#: SQL over rows, and over the sums of their tallies.
Either = tuple[str, str]

#: SQL of the times between which it lies.
Window = tuple[str, str]

#: Aggregates.
SPANS: Either = ("count()", "spans_")
WHOLE: Either = (f"countIf({JUDGED})", "whole_")
#: Of an hour that is over all rows are old enough to be judged.
UNCOVERED: Either = (f"countIf(NOT {COVERED})", "spans_ - whole_")
TRACES: Either = (f"countIf({ROOT})", "traces_")
ERRORS: Either = (f"countIf({ROOT} AND status = 'error')", "errors_")
COST: Either = ("sum(cost_usd)", "cost_")
#: Milliseconds of each trace, and a number for each user: arrays.
DURATIONS: Either = (f"groupArrayIf(duration_ms, {ROOT})", "durations_")
USERS: Either = ("groupUniqArrayIf(cityHash64(user_id), user_id != '')", "users_")
#: What rows are grouped by.
SERVICE: Either = ("service_name", "service_name")
ENVIRONMENT: Either = ("environment", "environment")
#: Whether a row does not report a call of another trace again.
IS_ONCE: Either = (ONCE, "NOT twin")

_SUMS = """sum(spans) AS spans_, sum(whole) AS whole_, sum(traces) AS traces_, sum(errors) AS errors_,
    sum(cost_usd) AS cost_, groupArrayArray(durations) AS durations_,
    groupUniqArrayArray(users) AS users_, sumMap(failed) AS failed_, sumMap(judged) AS judged_,
    sumMap(abstained) AS abstained_, sumMap(scores) AS scores_, sumMap(squares) AS squares_"""


def slower_than(milliseconds: float) -> Either:
    """How many traces take longer."""
    return (
        f"countIf({ROOT} AND duration_ms > {milliseconds:g})",
        f"arrayCount(d -> d > {milliseconds:g}, durations_)",
    )


def verdicts_of(names: Sequence[str]) -> Either:
    """Array of (classifier, failed, judged, abstained), as ``counts`` makes it."""
    each = f"CAST({columns(names)}, 'Array(String)')"
    if CUSTOM in names:
        known = "CAST(arrayConcat(mapKeys(judged_), mapKeys(abstained_)), 'Array(String)')"
        theirs = f"arrayFilter(c -> startsWith(c, '{OWN}'), {known})"
        each = f"arrayConcat({each}, arrayDistinct({theirs}))"
    name = f"if(startsWith(c, '{OWN}'), substring(c, {len(OWN) + 1}), c)"
    return (
        counts(names),
        f"arrayMap(c -> ({name}, failed_[c], judged_[c], abstained_[c]), {each})",
    )


def tallied(
    groups: Mapping[str, Either],
    measures: Mapping[str, Either],
    *,
    rows: str,
    tallies: str,
    windows: Sequence[Window],
    unless: str = "0",
) -> str:
    """SELECT of ``groups`` and ``measures`` (alias to SQL), perhaps two rows a group. ``rows``: the
    condition on ``spans``, of ``windows``; ``tallies``: the same but for the time, on
    ``hour_tallies``; ``unless``: when all has to come out of the rows."""
    whole = " OR ".join(
        f"(hour >= {start} AND hour + INTERVAL 1 HOUR <= {end})" for start, end in windows
    )
    touched = ", ".join(
        f"arrayMap(i -> toStartOfHour({start}, 'UTC') + toIntervalHour(i),"
        f" range(toUInt64(greatest(0, dateDiff('hour', {start}, {end}, 'UTC') + 1))))"
        for start, end in windows
    )
    # Both lists together, so that one statement never has two ideas of an hour. The hours of rows by
    # name: of a condition that leaves hours out, the engine reads where one begins all the same.
    hours = (
        "(SELECT (groupArray((hour, made_at)) AS settled, arrayFilter(h -> NOT has(settled.1, h),"
        f" arrayConcat({touched}))) FROM settled_hours WHERE ({whole}) AND NOT ({unless}))"
    )

    chosen = ", ".join(
        f"{each[0]} AS {alias}" for alias, each in (*groups.items(), *measures.items())
    )
    by = f"\nGROUP BY {', '.join(groups)}" if groups else ""
    inner = "".join(f"{each[1]} AS {alias}, " for alias, each in groups.items())
    outer = ", ".join((*groups, *(f"{each[1]} AS {alias}" for alias, each in measures.items())))
    return f"""SELECT {chosen}
FROM spans
WHERE {rows}
  AND toStartOfHour(start_time) IN {hours}.2{by}
UNION ALL
SELECT {outer}
FROM (
  SELECT {inner}{_SUMS}
  FROM hour_tallies
  WHERE hour IN {hours}.1.1 AND has({hours}.1, (hour, made_at)) AND spans > 0
    AND {tallies}{by}
)"""


#: On a board, without replays unless they are asked for.
_UNLESS_ASKED = f"(NOT replayed OR {one('replays')} = 'shown')"
#: Variables by which tallies can't be told apart.
_UNKNOWN = ("model", "prompt_version", "user")


def on_board(
    groups: Mapping[str, Either],
    measures: Mapping[str, Either],
    *,
    time: str = "$__timeFilter(start_time)",
    windows: Sequence[Window] = (("$__fromTime", "$__toTime"),),
    slots: str = "",
) -> str:
    """The same with a dashboard's time range and variables. ``time``: on rows, of ``windows``;
    ``slots``: SQL of how many seconds a group is of, where it is of a time."""
    known = [f"$__conditionalAll(0, ${name})" for name in _UNKNOWN]
    if slots:
        known.append(f"{slots} >= {STEP}")
    return tallied(
        groups,
        measures,
        rows=where(time=time).removeprefix("WHERE "),
        tallies=" AND ".join((_UNLESS_ASKED, *of_service())),
        windows=windows,
        unless=f"NOT ({' AND '.join(known)})",
    )
