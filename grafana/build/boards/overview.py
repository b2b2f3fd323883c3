"""Overview: one screen for a stand-up."""

from __future__ import annotations

from grafana.build.attention import attention
from grafana.build.columns import TEXT, count, rate, share, text, time, trace
from grafana.build.columns import interval as interval_column
from grafana.build.dashboard import STANDARD, dashboard, filters
from grafana.build.failing import fail_states, worst_of
from grafana.build.over_time import over_time
from grafana.build.panels import (
    BLUE,
    FAIL_RATE_STEPS,
    GREEN,
    RED,
    YELLOW,
    Json,
    alert_list,
    stat,
    table,
    timeseries,
)
from grafana.build.sql import (
    ROOT,
    SOME_JUDGED,
    TRACE,
    any_failed,
    chosen,
    classifiers,
    failed,
    interval,
    where,
    wilson_low,
)
from grafana.build.tallied import on_board, verdicts_of
from grafana.build.told import TOLD_STEPS, estimated_sql


def build() -> Json:
    return dashboard(
        "everyspan-overview",
        "Everyspan / Overview",
        "Is anything wrong today? Traffic, errors, latency, cost, verdicts and coverage.",
        [
            attention(12),
            alert_list(
                13,
                "Which alerts fire?",
                "Grafana's own list of the rules that fire or are about to.",
                size=(8, 9),
            ),
            *_numbers(),
            fail_states(8, classifiers(), "Which classifiers fail, and since when?"),
            worst_of(14, classifiers()),
            _worst(),
            _traffic(),
            _week(),
        ],
        filters(*STANDARD, "classifier"),
    )


def _numbers() -> list[Json]:
    return [
        stat(
            1,
            "Traces",
            "Root spans (no parent) that started in the time range.",
            f"SELECT count() AS traces FROM spans\n{where(ROOT)}",
            unit="short",
            size=(3, 3),
        ),
        stat(
            2,
            "Ended in an error?",
            "Root spans with status error / root spans.",
            f"SELECT countIf(status = 'error') / nullIf(count(), 0) AS error_rate FROM spans\n"
            f"{where(ROOT)}",
            unit="percentunit",
            steps=[(None, GREEN), (0.02, YELLOW), (0.05, RED)],
            decimals=1,
            size=(4, 3),
        ),
        stat(
            3,
            "How slow (p95)?",
            "95th percentile of the duration of root spans.",
            f"SELECT quantileOrNull(0.95)(duration_ms) AS p95 FROM spans\n{where(ROOT)}",
            unit="ms",
            steps=[(None, BLUE), (10_000, YELLOW), (30_000, RED)],
            size=(3, 3),
        ),
        stat(
            4,
            "What did it cost?",
            "Sum of the cost of all model calls, in US dollars. Calls of unknown price count 0.",
            f"SELECT sum(cost_usd) AS cost FROM spans\n{where(scope='step')}",
            unit="currencyUSD",
            decimals=2,
            size=(3, 3),
        ),
        stat(
            5,
            "How many failed?",
            "Traces in which at least one classifier failed a step / traces of which a step is judged.",
            f"SELECT uniqIf({TRACE}, {any_failed(classifiers())}) / nullIf(uniqIf({TRACE}, {SOME_JUDGED}), 0)"
            f" AS fail_rate\nFROM spans\n{where()}",
            unit="percentunit",
            steps=FAIL_RATE_STEPS,
            decimals=1,
            size=(3, 3),
        ),
        stat(
            11,
            "How much is judged?",
            "Verdicts that are pass or fail, of all that classifiers were asked for; in the others "
            "they abstained. The boards Quality and Safety say which, and why.",
            "SELECT sum(arraySum(v -> v.3, counts)) / nullIf(sum(arraySum(v -> v.3 + v.4, counts)), 0)"
            f" AS told\nFROM (\n{on_board({}, {'counts': verdicts_of(classifiers())})}\n)",
            unit="percentunit",
            steps=TOLD_STEPS,
            decimals=0,
            size=(4, 3),
        ),
        stat(
            15,
            "Estimated to fail",
            "The classifier that fails most: what share of its spans is estimated to fail, as far as all "
            "its scores tell (95 % interval), which is more than what is certain enough to page.",
            "SELECT concat(replaceAll(classifier, '_', ' '), ' ',"
            " translateUTF8(interval, ' –', '\u00a0\u2011')) AS estimate\nFROM (\n"
            f"{estimated_sql(classifiers())}\n)\nWHERE judged > 0\nORDER BY"
            f" {wilson_low('failed', 'judged')} DESC\nLIMIT 1",
            unit=TEXT,
            steps=[(None, "text")],
            size=(4, 3),
        ),
    ]


def _traffic() -> Json:
    sql = over_time(
        "sum(n) AS traces",
        "count() AS n",
        "n",
        where(ROOT),
        label=("service_name", "service"),
        together=True,
    )
    return timeseries(
        7,
        "How much traffic does each service get?",
        "Traces that started, of the five busiest services and of the others together.",
        sql,
        unit="short",
        label="service",
        style="bars",
        stacked=True,
        size=(12, 10),
    )


def _week() -> Json:
    both = (
        "($__timeFilter(start_time) OR (start_time >= $__fromTime - INTERVAL 7 DAY"
        " AND start_time <= $__toTime - INTERVAL 7 DAY))"
    )
    week = " - INTERVAL 7 DAY"
    counted = on_board(
        {"now": ("start_time >= $__fromTime", "at >= $__fromTime")},
        {"counts": verdicts_of(classifiers())},
        time=both,
        windows=[("$__fromTime", "$__toTime"), (f"$__fromTime{week}", f"$__toTime{week}")],
    )
    sql = f"""SELECT classifier, fail_rate, if(judged = 0, '', {interval("failed", "judged")}) AS interval,
  week_before, fail_rate - week_before AS change, judged
FROM (
SELECT v.1 AS classifier, sumIf(v.3, now) AS judged, sumIf(v.2, now) AS failed,
  failed / nullIf(judged, 0) AS fail_rate,
  sumIf(v.2, NOT now) / nullIf(sumIf(v.3, NOT now), 0) AS week_before
FROM (
{counted}
)
ARRAY JOIN counts AS v
WHERE v.3 > 0 AND {chosen("v.1")}
GROUP BY classifier
)
ORDER BY fail_rate DESC"""
    return table(
        9,
        "Is any classifier worse than last week?",
        "Fail rate in the time range, in the same range seven days before, and the difference.",
        sql,
        [
            text("classifier"),
            rate(steps=FAIL_RATE_STEPS),
            interval_column(),
            share("week_before", 100),
            share("change", 80, steps=[(None, GREEN), (0.02, YELLOW), (0.05, RED)]),
            count("judged", 75),
        ],
        size=(12, 10),
        empty="No span was judged in this time range.",
    )


def _worst() -> Json:
    names = classifiers()
    sql = f"""SELECT trace_id, arrayStringConcat(groupUniqArrayArray(failed), ', ') AS classifiers,
  argMax(arrayStringConcat(mapValues(evidence), '; '), length(failed)) AS evidence,
  any(service_name) AS service, max(start_time) AS time, sum(length(failed)) AS failures
FROM (
  SELECT trace_id, start_time, service_name, evidence, {failed(names)} AS failed
  FROM spans
  {where(any_failed(names, selected=True))}
)
GROUP BY trace_id
ORDER BY failures DESC, time DESC
LIMIT 10"""
    return table(
        10,
        "Which are the ten worst traces?",
        "Traces with the most failed verdicts, newest first among equals.",
        sql,
        [
            trace(),
            text("classifiers", 160, "failed", wrap=True),
            text("evidence", wrap=True),
            text("service", 120),
            time(),
            count("failures", 85),
        ],
        size=(24, 10),
        empty="No trace has a failed verdict in what was judged of this time range.",
    )
