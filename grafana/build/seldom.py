"""Services that seldom run: whether too much fails there, of their last few rows.

A Wilson interval of three rows says nothing, and a rule that waits for twenty in a quarter of an hour
never hears of a service with one a minute. Here the exact binomial test decides: how likely it is that
so many of the last rows fail where only as many may as the limit allows (Clopper and Pearson 1934).
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build.panels import Json
from grafana.build.rule import BY_SERVICE, CLASSIFIER_PANEL, duration, rule
from grafana.build.sql import CUSTOM, classifiers, columns
from grafana.conditions import OPERATIONAL, PRODUCTION, Condition, verdict, within
from grafana.thresholds import Thresholds, read

#: Of the newest rows, so many must fail among so many, so that an alert ends soon after the cause.
_NEWEST, _FAILING = 3, 2
_FAIL = "'fail'"
_LABELS = (
    "arrayZip(CAST(mapKeys(custom), 'Array(String)'), CAST(mapValues(custom), 'Array(String)'))"
)


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
    group = "service, environment, project" + (", tool" if tool else "")
    more = ", tool_name AS tool" if tool else ""
    named = " AND tool_name != ''" if tool else ""
    return f"""SELECT {group}, {_share(f"{limit:g}")} AS share
FROM (
  SELECT {group}, {_counts(busy_seconds)}
  FROM (
    SELECT service_name AS service, environment, project{more}, {_last(few, of.time, failing)} AS last
    FROM spans
    WHERE {within(of.time, "$__fromTime", "$__toTime")} AND {PRODUCTION}
      AND {of.judged}{named}
    GROUP BY {group}
  )
)
WHERE busy < {few}"""


def seldom_verdicts(names: Sequence[str]) -> str:
    """The same of each classifier's verdicts; each with its own limit."""
    thresholds = read()
    few = thresholds.fail_rate.min_judged
    shown = columns(names)
    limits = ", ".join(f"{thresholds.classifier[name].max_fail_rate:g}" for name in shown)
    limit = f"transform(classifier, {shown}, [{limits}], {thresholds.custom.max_fail_rate:g})"
    window = f"{within('judged_at', '$__fromTime', '$__toTime')} AND {PRODUCTION}"
    each = ",\n      ".join(
        f"('{n}', {_last(few, 'judged_at', f'{n} = {_FAIL}', verdict(n, n, n, 'fail_rate').judged)})"
        for n in shown
    )
    added = f"""
    UNION ALL
    SELECT service_name AS service, environment, project, v.1 AS classifier,
      {_last(few, "judged_at", "v.2 = 'fail'")} AS last
    FROM spans
    ARRAY JOIN arrayFilter(l -> l.2 IN ('pass', 'fail'), {_LABELS}) AS v
    WHERE {window} AND notEmpty(custom) AND NOT has(old_verdicts, v.1)
    GROUP BY service, environment, project, classifier"""
    return f"""SELECT service, environment, project, classifier, {_share(limit)} AS share
FROM (
  SELECT service, environment, project, classifier, {_counts(thresholds.fail_rate.long_window_seconds)}
  FROM (
    SELECT service, environment, project, each.1 AS classifier, each.2 AS last
    FROM (
      SELECT service_name AS service, environment, project, [{each}] AS found
      FROM spans
      WHERE {window}
      GROUP BY service, environment, project
    )
    ARRAY JOIN found AS each{added if CUSTOM in names else ""}
  )
)
WHERE busy < {few} AND rows > 0"""


def _last(few: int, time: str, failing: str, judged: str = "") -> str:
    """Array of the newest rows, an aggregate: each as a number, whose last bit says whether it fails
    and the rest minus the time in ms. (Of numbers an array is sorted in a tenth of the time.)"""
    also, condition = ("If", f", {judged}") if judged else ("", "")
    row = f"({failing}) - 2 * toUnixTimestamp64Milli({time})"
    return f"groupArraySorted{also}({few})({row}{condition})"


def _counts(busy_seconds: int) -> str:
    """How many rows, how many fail, of the newest too, and how many are recent."""
    return (
        "length(last) AS rows, arraySum(r -> bitAnd(r, 1), last) AS failures,"
        f" arraySum(r -> bitAnd(r, 1), arraySlice(last, 1, {_NEWEST})) AS newest,"
        f" arrayCount(r -> -r >= 2000 * (toUnixTimestamp($__toTime) - {busy_seconds}) - 1, last) AS busy"
    )


def _share(limit: str) -> str:
    chance = read().operational.chance
    return (
        f"if(newest >= {_FAILING} AND {tail('failures', 'rows', limit)} < {chance:g},"
        " failures / rows, 0)"
    )


def seldom_rules(thresholds: Thresholds) -> list[Json]:
    """Traces, tools and classifiers, each beside its rule for services that run often."""
    limits = thresholds.operational
    traces, tools = OPERATIONAL["latency"], OPERATIONAL["tool_failure"]
    slow = f"duration_ms > {limits.p95_seconds * 1000:g}"
    failed_tool = tools.failing.removeprefix(f"{tools.judged} AND ")
    return [
        _operational(
            thresholds,
            "error-rate",
            "The few traces that come end in errors",
            traces,
            "status = 'error'",
            limits.error_rate,
            ("traces", "end in an error"),
            "How many traces end in an error?",
        ),
        _operational(
            thresholds,
            "latency",
            "The few traces that come are slow",
            traces,
            slow,
            0.05,  # what the 95th percentile leaves
            ("traces", f"take over {limits.p95_seconds:g} s"),
            "How long do traces take?",
        ),
        _operational(
            thresholds,
            "tool-failure",
            "A tool that is seldom called fails",
            tools,
            failed_tool,
            limits.tool_failure_rate,
            ("calls of tool {{ $labels.tool }}", "fail"),
            "Do the tools work?",
        ),
        _verdicts(thresholds),
    ]


def _operational(
    thresholds: Thresholds,
    name: str,
    title: str,
    of: Condition,
    failing: str,
    limit: float,
    words: tuple[str, str],
    panel: str,
) -> Json:
    limits, (rows, what), kind = thresholds.operational, words, name.replace("-", "_")
    return rule(
        f"everyspan-{name}-seldom",
        title,
        seldom(of, failing, limit, limits.window_seconds, tool=kind == "tool_failure"),
        seconds=limits.seldom_window_seconds,
        time=of.time,
        above=0,
        severity=limits.severity,
        team=limits.team,
        labels={"layer": "operational", "kind": kind},
        summary="{{ humanizePercentage $values.B.Value }} of the last "
        f"{rows} of {BY_SERVICE} {what}",
        description=f"Few come: of the last ones within {duration(limits.seldom_window_seconds)} more"
        f" {what} than the limit of {limit:.0%} lets expect (exact binomial test, "
        f"p < {limits.chance:g}).",
        board="everyspan-operational",
        panel=panel,
    )


def _verdicts(thresholds: Thresholds) -> Json:
    rate = thresholds.fail_rate
    return rule(
        "everyspan-fail-rate-seldom",
        "A classifier fails the few that come",
        seldom_verdicts(classifiers()),
        seconds=rate.seldom_window_seconds,
        time="judged_at",
        above=0,
        severity="error",
        team="quality",
        labels={"layer": "quality", "kind": "fail_rate"},
        summary="{{ $labels.classifier }}: {{ humanizePercentage $values.B.Value }} of the last "
        f"judged spans of {BY_SERVICE} fail",
        description=f"Fewer than {rate.min_judged} come in {duration(rate.long_window_seconds)}: of "
        f"the last {rate.min_judged} within {duration(rate.seldom_window_seconds)} more fail than "
        "the classifier's limit lets expect (exact binomial test, "
        f"p < {thresholds.operational.chance:g}).",
        board="everyspan-quality",
        panel=CLASSIFIER_PANEL["quality"],
    )
