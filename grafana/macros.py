"""The macros of Grafana's ClickHouse plugin, expanded as its backend does (4.20.0, pkg/macros).

Only those that every release from 4.15 on has; another one raises, where Grafana would send it to
ClickHouse as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_MACRO = re.compile(r"\$__(\w+)")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|`[^`]*`", re.S)


class MacroError(ValueError):
    """A macro that is not known, or has the wrong number of arguments."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Both ends inclusive and aware of their time zone."""

    start: datetime
    end: datetime

    @classmethod
    def last(cls, duration: timedelta, end: datetime) -> TimeRange:
        return cls(end - duration, end)

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class _Context:
    range: TimeRange
    interval_ms: int


def expand(sql: str, time_range: TimeRange, interval_ms: int = 60_000) -> str:
    """``interval_ms``: length of a bucket. Raises MacroError."""
    context = _Context(time_range, interval_ms)
    sql = _without_comments(sql)
    position = 0
    while found := _MACRO.search(sql, position):
        name = found[1]
        if name not in _MACROS:
            raise MacroError(f"$__{name} is no macro of the plugin's backend")
        arguments, end = _arguments(sql, found.end())
        count, function = _MACROS[name]
        if count and len(arguments) != count:
            raise MacroError(f"$__{name} expected {count} argument(s), received {len(arguments)}")
        text = function(context, arguments)
        sql = sql[: found.start()] + text + sql[end:]
        position = found.start() + len(text)
    return sql


def interval_for(time_range: TimeRange, points: int = 500, shortest_ms: int = 1000) -> int:
    """Milliseconds of a bucket, as Grafana rounds them, for a panel ``points`` wide."""
    wanted = max(shortest_ms, time_range.seconds * 1000 / points)
    return next((step for step in _STEPS if step >= wanted), _STEPS[-1])


_STEPS = tuple(
    1000 * s
    for s in (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800)
) + tuple(1000 * s for s in (21600, 43200, 86400, 604800))


def _without_comments(sql: str) -> str:
    return _COMMENT.sub(lambda m: m[0] if m[0][0] in "'`" else "", sql)


def _arguments(sql: str, start: int) -> tuple[list[str], int]:
    """What stands in parentheses from ``start``, split at top-level commas, and where it ends."""
    if start >= len(sql) or sql[start] != "(":
        return [], start
    depth, begin, found = 0, start + 1, []
    for index in range(start, len(sql)):
        character = sql[index]
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        if (character == "," and depth == 1) or depth == 0:
            found.append(sql[begin:index].strip())
            begin = index + 1
        if depth == 0:
            return ([] if found == [""] else found), index + 1
    raise MacroError(f"the parenthesis of {sql[max(0, start - 20) : start + 1]!r} is never closed")


def _seconds(time: datetime) -> str:
    return f"toDateTime({int(time.timestamp())})"


def _milliseconds(time: datetime) -> str:
    return f"fromUnixTimestamp64Milli({int(time.timestamp() * 1000)})"


def _date(time: datetime) -> str:
    return f"toDate('{time:%Y-%m-%d}')"


def _between(column: str, function: Callable[[datetime], str], context: _Context) -> str:
    start, end = function(context.range.start), function(context.range.end)
    return f"{column} >= {start} AND {column} <= {end}"


def _interval_seconds(context: _Context) -> int:
    return max(1, context.interval_ms // 1000)


def _date_time(context: _Context, arguments: Sequence[str]) -> str:
    date = _between(arguments[0], _date, context)
    return f"({date}) AND ({_between(arguments[1], _seconds, context)})"


_Macro = tuple[int, Callable[[_Context, Sequence[str]], str]]

#: name to number of arguments and SQL.
_MACROS: dict[str, _Macro] = {
    "fromTime": (0, lambda c, _: _seconds(c.range.start)),
    "toTime": (0, lambda c, _: _seconds(c.range.end)),
    "fromTime_ms": (0, lambda c, _: _milliseconds(c.range.start)),
    "toTime_ms": (0, lambda c, _: _milliseconds(c.range.end)),
    "timeFilter": (1, lambda c, a: _between(a[0], _seconds, c)),
    "timeFilter_ms": (1, lambda c, a: _between(a[0], _milliseconds, c)),
    "dateFilter": (1, lambda c, a: _between(a[0], _date, c)),
    "dateTimeFilter": (2, _date_time),
    "dt": (2, _date_time),
    "timeInterval": (
        1,
        lambda c, a: (
            f"toStartOfInterval(toDateTime({a[0]}), INTERVAL {_interval_seconds(c)} second)"
        ),
    ),
    "timeInterval_ms": (
        1,
        lambda c, a: (
            f"toStartOfInterval(toDateTime64({a[0]}, 3),"
            f" INTERVAL {max(1, c.interval_ms)} millisecond)"
        ),
    ),
    "interval_s": (0, lambda c, _: str(_interval_seconds(c))),
}
