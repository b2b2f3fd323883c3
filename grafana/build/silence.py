"""Services that have fallen silent, against the same hours of earlier weeks.

A service that works on weekdays is silent on Saturdays, and nobody is to be woken for that. One that
is younger than a week is held against yesterday, unless the one is a working day and the other is not.
"""

from __future__ import annotations

from grafana.conditions import PRODUCTION
from grafana.thresholds import read

_WEEKS = (7, 14, 21, 28)


def silence() -> str:
    """Spans of now, by service that should send; 0 is silence."""
    limits = read().operational
    days = (0, 1, *_WEEKS, 8)
    windows = {day: _window(day, limits.silent_seconds) for day in days}
    least = limits.min_traces
    counts = ",\n    ".join(f"countIf({windows[day]}) AS days_{day}" for day in days)
    weeks = " + ".join(f"(days_{day} >= {least})" for day in _WEEKS)
    sent = " + ".join(f"(days_{day} > 0)" for day in _WEEKS)
    retired = "".join(f"\n  AND {each}" for each in _not_retired(limits.retired))
    return f"""SELECT service, environment, project, days_0 AS spans_now
FROM (
  SELECT service_name AS service, environment, project,
    {counts}
  FROM spans
  WHERE {PRODUCTION} AND ({" OR ".join(windows.values())}){retired}
  GROUP BY service, environment, project
)
WHERE (days_7 >= {least} AND {weeks} >= least(2, {sent}))
  OR ({sent} = 0 AND days_8 = 0 AND days_1 >= {least}
    AND (toDayOfWeek($__toTime) < 6) = (toDayOfWeek($__toTime - INTERVAL 1 DAY) < 6))"""


def _window(days: int, seconds: int) -> str:
    end = f"$__toTime - INTERVAL {days} DAY" if days else "$__toTime"
    return f"(start_time >= {end} - INTERVAL {seconds} SECOND AND start_time <= {end})"


def _not_retired(retired: tuple[str, ...]) -> list[str]:
    """``retired``: 'service', or 'service/environment'."""
    found = []
    for each in retired:
        service, _, environment = each.partition("/")
        both = f"service_name = '{service}'"
        if environment:
            both += f" AND environment = '{environment}'"
        found.append(f"NOT ({both})")
    return found
