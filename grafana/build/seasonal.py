"""Now against the same hours of the past four weeks: fail rates, and what models send back.

A provider that changes a model behind its name shows here first: answers grow shorter or fail more
often while nothing of one's own was deployed.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build.columns import count, number, share, text
from grafana.build.panels import Json, table
from grafana.build.sql import ONCE, chosen, where
from grafana.build.tallied import SERVICE, on_board
from grafana.build.told import shares, shares_of
from grafana.conditions import within
from grafana.thresholds import read

WEEKS = 4


def _window(start: str, end: str, weeks: int, time: str) -> str:
    shift = f" - INTERVAL {7 * weeks} DAY" if weeks else ""
    return f"({within(time, start + shift, end + shift)})"


def windows(start: str, end: str, time: str = "start_time") -> str:
    """Rows of the window or of one of the past weeks' windows, by the column ``time``."""
    return "(" + " OR ".join(_window(start, end, week, time) for week in range(WEEKS + 1)) + ")"


def week_number(end: str, time: str = "start_time") -> str:
    """0 for now, 1 to 4 for past weeks, of a row of ``windows``."""
    return f"intDiv(dateDiff('second', {time}, {end}), 604800)"


def drift_counts(names: Sequence[str], condition: str, end: str, group: Sequence[str]) -> str:
    """What ``drift`` compares, out of the rows."""
    columns = "".join(f"{column}, " for column in group)
    return f"""SELECT {columns}{week_number(end)} AS week,
      {shares(names)} AS counts
      FROM spans
      {condition}
      GROUP BY {columns}week"""


def drift(counted: str, group: Sequence[str]) -> str:
    """``counted``: rows of (group…, week, counts). Rows of (group…, classifier, fail_rate, usual, z): z counts standard errors.

    Fail rates are those that all scores together say (told.py), so that a classifier that is seldom
    certain shows a worsening too. The standard error joins the sampling of both and the spread of
    the past weeks, so that a rate that swings every week does not count as drift. Needs
    ``min_judged`` now and in two past weeks at least.
    """
    least = read().drift.min_judged
    columns = "".join(f"{column}, " for column in group)
    return f"""SELECT {columns}classifier,
    sumIf(judged, week = 0) AS judged_now, sumIf(judged, week > 0) AS past_judged,
    sumIf(share, week = 0) / judged_now AS fail_rate,
    (sumIf(share, week > 0) + 0.5) / (past_judged + 1) AS usual,
    countIf(week > 0) AS weeks,
    if(weeks > 1, varSampIf(share / judged, week > 0), 0) AS spread,
    greatest((sumIf(squares, week > 0) + 0.5) / (past_judged + 1) - usual * usual, 1e-6) AS varies,
    (fail_rate - usual) / sqrt(varies * (1 / judged_now + 1 / past_judged) + spread) AS z
  FROM (
    SELECT {columns}week, v.1 AS classifier, sum(v.2) AS share, sum(v.3) AS judged,
      sum(v.4) AS squares
    FROM (
      {counted}
    )
    ARRAY JOIN counts AS v
    GROUP BY {columns}week, classifier
    HAVING judged >= {least}
  )
  GROUP BY {columns}classifier
  HAVING judged_now > 0 AND weeks >= 2"""


def token_drift(condition: str, end: str, group: Sequence[str]) -> str:
    """Rows of (group…, psi): how differently long the answers of a model are.

    Population stability index over output tokens in powers of two, half a count added to each so
    that an empty bucket does not make it infinite; 0.1 is little, 0.25 is a lot.
    """
    least = read().drift.min_judged
    columns = ", ".join(group)
    return f"""SELECT {columns}, sum((now_share - past_share) * log(now_share / past_share)) AS psi,
    any(now_calls) AS calls, any(now_mean) AS mean_tokens, any(past_mean) AS usual_tokens
  FROM (
    SELECT {columns}, (now_n + 0.5) / (now_calls + 8) AS now_share,
      (past_n + 0.5) / (past_calls + 8) AS past_share,
      sum(now_n) OVER w AS now_calls, sum(past_n) OVER w AS past_calls,
      sum(now_tokens) OVER w / now_calls AS now_mean,
      sum(past_tokens) OVER w / past_calls AS past_mean
    FROM (
      SELECT {columns}, least(15, toUInt8(log2(ifNull(output_tokens, 0) + 1))) AS bucket,
        countIf(week = 0) AS now_n, countIf(week > 0) AS past_n,
        sumIf(output_tokens, week = 0) AS now_tokens, sumIf(output_tokens, week > 0) AS past_tokens
      FROM (
        SELECT {columns}, output_tokens, {week_number(end)} AS week
        FROM spans
        {condition}
      )
      GROUP BY {columns}, bucket
    )
    WINDOW w AS (PARTITION BY {columns})
  )
  WHERE now_calls >= {least} AND past_calls >= {2 * least}
  GROUP BY {columns}"""


_STARTS, _ENDS = "$__fromTime", "$__toTime"


def drift_table(panel_id: int, names: Sequence[str]) -> Json:
    """For a dashboard: the time range, at most a week of it."""
    counted = on_board(
        {
            "service_name": SERVICE,
            "week": (week_number(_ENDS), week_number(_ENDS, "at")),
        },
        {"counts": shares_of(names)},
        time=_dashboard_windows(),
        windows=[_week(week) for week in range(WEEKS + 1)],
    )
    inner = drift(counted, ["service_name"])
    sql = f"""SELECT classifier, z, fail_rate, usual, service_name AS service, judged_now AS judged, weeks
FROM (
  {inner}
)
WHERE {chosen("classifier")}
ORDER BY abs(z) DESC
LIMIT 30"""
    steps: list[tuple[float | None, str]] = [(None, "text"), (3, "yellow"), (read().drift.z, "red")]
    return table(
        panel_id,
        "Does any fail rate differ from past weeks?",
        "The fail rate of the time range (its last seven days at most) against the same hours of "
        "the past four weeks. z: how many standard errors it lies above what is usual, where the "
        f"spread between past weeks counts too. An alert fires at {read().drift.z:g}.",
        sql,
        [
            text("classifier"),
            number("z", 55, steps=steps, decimals=1),
            share("fail_rate", 80),
            share("usual", 70),
            text("service", 140),
            count("judged", 75),
            count("weeks", 65),
        ],
        size=(12, 9),
        empty="Too little to compare: it takes two past weeks with enough judged spans.",
    )


def token_drift_table(panel_id: int) -> Json:
    """For a dashboard: the same for answers' length."""
    condition = where(
        "step_kind = 'llm'", "model != ''", ONCE, scope="step", time=_dashboard_windows()
    )
    inner = token_drift(condition, _ENDS, ["service_name", "model"])
    sql = f"""SELECT model, psi, mean_tokens, usual_tokens, service_name AS service, calls
FROM (
  {inner}
)
ORDER BY psi DESC
LIMIT 30"""
    steps: list[tuple[float | None, str]] = [
        (None, "text"),
        (0.1, "yellow"),
        (read().drift.psi, "red"),
    ]
    return table(
        panel_id,
        "Do models answer differently than in past weeks?",
        "Population stability index of output tokens against the same hours of the past four "
        "weeks: below 0.1 nothing changed, from 0.25 a lot did. A provider's silent change of a "
        "model shows here.",
        sql,
        [
            text("model"),
            number("psi", 60, steps=steps, decimals=2),
            number("mean_tokens", 105, decimals=0),
            number("usual_tokens", 105, decimals=0),
            text("service", 140),
            count("calls", 75),
        ],
        size=(12, 9),
        empty="Too little to compare: it takes calls of a past week.",
    )


# Windows of more than a week would overlap.
_FROM = f"greatest({_STARTS}, {_ENDS} - INTERVAL 604799 SECOND)"


def _dashboard_windows() -> str:
    return windows(_FROM, _ENDS)


def _week(number: int) -> tuple[str, str]:
    """The ends of one of them."""
    shift = f" - INTERVAL {7 * number} DAY"
    return _FROM + shift, _ENDS + shift
