"""Overview: one screen for a stand-up."""

from __future__ import annotations

from grafana.build.columns import count, rate, share, text, time, trace
from grafana.build.columns import interval as interval_column
from grafana.build.dashboard import STANDARD, dashboard, filters
from grafana.build.panels import (
    BLUE,
    FAIL_RATE_STEPS,
    GREEN,
    RED,
    YELLOW,
    Json,
    stat,
    table,
    timeseries,
)
from grafana.build.sql import (
    COVERED,
    ROOT,
    TRACE,
    any_failed,
    chosen,
    classifiers,
    counts,
    fail_rate_over_time,
    failed,
    interval,
    where,
)
from grafana.build.told import TOLD_STEPS


def build() -> Json:
    return dashboard(
        "everyspan-overview",
        "Everyspan / Overview",
        "Is anything wrong today? Traffic, errors, latency, cost, verdicts and coverage.",
        [
            *_numbers(),
            _traffic(),
            timeseries(
                8,
                "How often does each classifier fail?",
                "Failed verdicts / judged spans, per classifier and interval. Spans to which a "
                "classifier does not apply are not counted.",
                fail_rate_over_time(classifiers()),
                unit="percentunit",
                label="classifier",
                size=(12, 9),
            ),
            _week(),
            _worst(),
        ],
        filters(*STANDARD, "classifier"),
    )


def _numbers() -> list[Json]:
    return [
        stat(
            1,
            "How many traces?",
            "Root spans (no parent) that started in the time range.",
            f"SELECT count() AS traces FROM spans\n{where(ROOT)}",
            unit="short",
            size=(3, 4),
        ),
        stat(
            2,
            "Ended in an error?",
            "Root spans with status error / root spans.",
            f"SELECT countIf(status = 'error') / nullIf(count(), 0) AS error_rate FROM spans\n"
            f"{where(ROOT)}",
            unit="percentunit",
            steps=[(None, GREEN), (0.02, YELLOW), (0.05, RED)],
            decimals=2,
            size=(3, 4),
        ),
        stat(
            3,
            "How slow (p95)?",
            "95th percentile of the duration of root spans.",
            f"SELECT quantileOrNull(0.95)(duration_ms) AS p95 FROM spans\n{where(ROOT)}",
            unit="ms",
            steps=[(None, BLUE), (10_000, YELLOW), (30_000, RED)],
        ),
        stat(
            4,
            "What did it cost?",
            "Sum of the cost of all model calls, in US dollars. Calls of unknown price count 0.",
            f"SELECT sum(cost_usd) AS cost FROM spans\n{where(scope='step')}",
            unit="currencyUSD",
            decimals=2,
        ),
        stat(
            5,
            "How many failed?",
            "Traces in which at least one classifier failed a step / traces.",
            f"SELECT uniqIf({TRACE}, {any_failed(classifiers())}) / nullIf(uniq({TRACE}), 0)"
            f" AS fail_rate\nFROM spans\n{where()}",
            unit="percentunit",
            steps=FAIL_RATE_STEPS,
            decimals=1,
        ),
        stat(
            6,
            "Is all judged?",
            "Spans with all their verdicts / spans. Spans that came less than two minutes ago count "
            "as judged: their trace may still be running. Must read 100 %.",
            f"SELECT countIf({COVERED}) / nullIf(count(), 0) AS coverage\n"
            f"FROM spans\n{where(scope='step')}",
            unit="percentunit",
            steps=[(None, RED), (0.999, YELLOW), (1.0, GREEN)],
            decimals=2,
            size=(3, 4),
        ),
        stat(
            11,
            "How much is judged?",
            "Verdicts that are pass or fail, of all that classifiers were asked for; in the others "
            "they abstained. The boards Quality and Safety say which, and why.",
            f"SELECT arraySum(v -> v.3, counts) / nullIf(arraySum(v -> v.3 + v.4, counts), 0) AS told"
            f"\nFROM (\n  SELECT {counts(classifiers())} AS counts\n  FROM spans\n  {where()}\n)",
            unit="percentunit",
            steps=TOLD_STEPS,
            size=(3, 4),
        ),
    ]


def _traffic() -> Json:
    sql = f"""SELECT $__timeInterval(start_time) AS time, service_name AS service, count() AS traces
FROM spans
{where(ROOT)}
GROUP BY time, service
ORDER BY time, service"""
    return timeseries(
        7,
        "How much traffic does each service get?",
        "Traces that started, per interval and service.",
        sql,
        unit="short",
        label="service",
        style="bars",
        stacked=True,
        size=(12, 9),
    )


def _week() -> Json:
    both = (
        "($__timeFilter(start_time) OR (start_time >= $__fromTime - INTERVAL 7 DAY"
        " AND start_time <= $__toTime - INTERVAL 7 DAY))"
    )
    sql = f"""SELECT classifier, fail_rate, if(judged = 0, '', {interval("failed", "judged")}) AS interval,
  week_before, fail_rate - week_before AS change, judged
FROM (
SELECT v.1 AS classifier, sumIf(v.3, now) AS judged, sumIf(v.2, now) AS failed,
  failed / nullIf(judged, 0) AS fail_rate,
  sumIf(v.2, NOT now) / nullIf(sumIf(v.3, NOT now), 0) AS week_before
FROM (
  SELECT start_time >= $__fromTime AS now, {counts(classifiers())} AS counts
  FROM spans
  {where(time=both)}
  GROUP BY now
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
        empty="No trace has a failed verdict in this time range.",
    )
