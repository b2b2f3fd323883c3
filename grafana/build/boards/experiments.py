"""Experiments: variants side by side."""

from __future__ import annotations

from grafana.build.dashboard import dashboard, filters, query_variable
from grafana.build.panels import FAIL_RATE_STEPS, Json, table, timeseries
from grafana.build.sql import (
    ROOT,
    chosen,
    classifiers,
    counts,
    where,
    wilson_high,
    wilson_low,
)

_EXPERIMENT = "$__conditionalAll(experiment IN (${experiment:singlequote}), $experiment)"
_IN = ("experiment != ''", "variant != ''", _EXPERIMENT)


def build() -> Json:
    return dashboard(
        "everyspan-experiments",
        "Everyspan / Experiments",
        "Verdict rates, cost and latency of the variants of an experiment.",
        [_rates(), _over_time(), _cost(), _traffic()],
        [
            query_variable("experiment", "Experiment", "experiment"),
            *filters("service", "environment", "model", "prompt_version", "user", "classifier"),
        ],
        time_from="now-7d",
    )


def _rates() -> Json:
    sql = f"""SELECT experiment, v.1 AS classifier, variant, v.3 AS judged, v.2 AS failed,
  v.2 / v.3 AS fail_rate, {wilson_low("v.2", "v.3")} AS at_least,
  {wilson_high("v.2", "v.3")} AS at_most
FROM (
  SELECT experiment, variant, {counts(classifiers())} AS counts
  FROM spans
  {where(*_IN)}
  GROUP BY experiment, variant
)
ARRAY JOIN counts AS v
WHERE v.3 > 0 AND {chosen("v.1")}
ORDER BY experiment, classifier, variant
LIMIT 500"""
    rates = ("fail_rate", "at_least", "at_most")
    return table(
        "Which variant fails less?",
        "Fail rate per classifier and variant with its 95 % interval (Wilson). Intervals that "
        "overlap much say: too early to tell.",
        sql,
        units=dict.fromkeys(rates, "percentunit"),
        colored={"fail_rate": FAIL_RATE_STEPS},
        size=(14, 12),
    )


def _over_time() -> Json:
    sql = f"""SELECT time, concat(classifier, ' · ', variant) AS series, fail_rate
FROM (
  SELECT time, variant, v.1 AS classifier, v.2 / v.3 AS fail_rate
  FROM (
    SELECT $__timeInterval(start_time) AS time, variant, {counts(classifiers())} AS counts
    FROM spans
    {where(*_IN)}
    GROUP BY time, variant
  )
  ARRAY JOIN counts AS v
  WHERE v.3 > 0 AND v.2 > 0 AND {chosen("v.1")}
)
ORDER BY time, series"""
    return timeseries(
        "Since when do they differ?",
        "Failed / judged per classifier, variant and interval; intervals without a failure are "
        "left out.",
        sql,
        unit="percentunit",
        label="series",
        size=(10, 12),
        interval="1h",
    )


def _cost() -> Json:
    sql = f"""SELECT experiment, variant, uniqExact(trace_id) AS traces,
  sum(cost_usd) / traces AS cost_per_trace,
  (ifNull(sum(input_tokens), 0) + ifNull(sum(output_tokens), 0)) / traces AS tokens_per_trace,
  quantileIf(0.5)(duration_ms, {ROOT}) AS p50, quantileIf(0.95)(duration_ms, {ROOT}) AS p95,
  countIf(status = 'error' AND {ROOT}) / nullIf(countIf({ROOT}), 0) AS error_rate,
  uniqExact(user_id) AS users
FROM spans
{where(*_IN)}
GROUP BY experiment, variant
ORDER BY experiment, variant
LIMIT 100"""
    return table(
        "Which variant is cheaper and faster?",
        "Cost and tokens per trace, percentiles of the duration and error rate of root spans.",
        sql,
        units={
            "cost_per_trace": "currencyUSD",
            "p50": "ms",
            "p95": "ms",
            "error_rate": "percentunit",
        },
        size=(14, 8),
    )


def _traffic() -> Json:
    sql = f"""SELECT $__timeInterval(start_time) AS time, variant, uniq(trace_id) AS traces
FROM spans
{where(*_IN)}
GROUP BY time, variant
ORDER BY time, variant"""
    return timeseries(
        "Is the traffic split as intended?",
        "Traces per variant and interval.",
        sql,
        unit="short",
        label="variant",
        style="bars",
        stacked=True,
        size=(10, 8),
    )
