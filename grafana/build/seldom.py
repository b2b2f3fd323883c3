"""Services that seldom run: whether too much fails there, of their last few rows.

A Wilson interval of three rows says nothing, and a rule that waits for twenty in a quarter of an hour
never hears of a service with one a minute. Here the exact binomial test decides: how likely it is that
so many of the last rows fail where only as many may as the limit allows (Clopper and Pearson 1934).
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build.sql import CUSTOM, columns
from grafana.conditions import PRODUCTION, Condition, within
from grafana.thresholds import read

#: Of the newest rows, so many must fail among so many, so that an alert ends soon after the cause.
_NEWEST, _FAILING = 3, 2


def tail(failed: str, count: str, share: str) -> str:
    """Chance of at least ``failed`` among ``count`` where ``share`` (0 to 1) may; all as SQL, and
    ``count`` small: each number in between is a term."""
    return (
        "arraySum(i -> exp("
        f"lgamma({count} + 1) - lgamma(i + 1) - lgamma({count} - i + 1)"
        f" + i * log({share}) + ({count} - i) * log(1 - {share})),"
        f" range(toUInt64({failed}), toUInt64({count}) + 1))"
    )


def seldom(
    of: Condition, failing: str, limit: float, busy_seconds: int, *, tool: bool = False
) -> str:
    """The share of the last rows that fail, by service; 0 where that may be chance. ``failing``: SQL
    of a row that fails; ``limit``: share that may; services with as many rows within
    ``busy_seconds`` as the other rule needs are that one's."""
    limits = read().operational
    few = limits.min_tool_calls if tool else limits.min_traces
    group = "service, environment" + (", tool" if tool else "")
    more = ", tool_name AS tool" if tool else ""
    named = " AND tool_name != ''" if tool else ""
    return f"""SELECT {group}, {_share(f"{limit:g}")} AS share
FROM (
  SELECT {group}, {_last()}
  FROM (
    SELECT service_name AS service, environment{more}, {of.time} AS at, ({failing}) AS failed,
      {of.time} >= $__toTime - INTERVAL {busy_seconds} SECOND AS recent
    FROM spans
    WHERE {within(of.time, "$__fromTime", "$__toTime")} AND {PRODUCTION}
      AND {of.judged}{named}
    ORDER BY at DESC
    LIMIT {few} BY {group}
  )
  GROUP BY {group}
)
WHERE busy < {few}"""


def seldom_verdicts(names: Sequence[str]) -> str:
    """The same of each classifier's verdicts; each with its own limit."""
    thresholds = read()
    few = thresholds.fail_rate.min_judged
    shown = columns(names)
    limits = ", ".join(f"{thresholds.classifier[name].max_fail_rate:g}" for name in shown)
    each = [f"('{n}', toString({n}))" for n in shown]
    labels = f"[{', '.join(each)}]"
    if CUSTOM in names:
        labels = (
            f"arrayConcat({labels}, arrayZip(CAST(mapKeys(custom), 'Array(String)'),"
            " CAST(mapValues(custom), 'Array(String)')))"
        )
    limit = f"transform(classifier, {shown}, [{limits}], {thresholds.custom.max_fail_rate:g})"
    recent = f"at >= $__toTime - INTERVAL {thresholds.fail_rate.long_window_seconds} SECOND"
    return f"""SELECT service, environment, classifier, {_share(limit)} AS share
FROM (
  SELECT service, environment, classifier, {_last()}
  FROM (
    SELECT service_name AS service, environment, v.1 AS classifier, judged_at AS at,
      v.2 = 'fail' AS failed, {recent} AS recent
    FROM spans
    ARRAY JOIN {labels} AS v
    WHERE {within("judged_at", "$__fromTime", "$__toTime")} AND {PRODUCTION}
      AND v.2 IN ('pass', 'fail') AND NOT has(old_verdicts, v.1)
    ORDER BY at DESC
    LIMIT {few} BY service, environment, classifier
  )
  GROUP BY service, environment, classifier
)
WHERE busy < {few}"""


def _last() -> str:
    """Aggregates: how many rows, how many fail, of the newest too, and how many are recent."""
    return (
        "count() AS rows, sum(failed) AS failures,"
        f" arraySum(arraySlice(arrayMap(r -> r.2, arrayReverseSort(groupArray((at, failed)))), 1,"
        f" {_NEWEST})) AS newest, countIf(recent) AS busy"
    )


def _share(limit: str) -> str:
    chance = read().operational.chance
    return (
        f"if(newest >= {_FAILING} AND {tail('failures', 'rows', limit)} < {chance:g},"
        " failures / rows, 0)"
    )
