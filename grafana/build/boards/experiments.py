"""Experiments: what to do, why, and the variants side by side."""

from __future__ import annotations

from grafana.build.columns import count, dollars, ms, number, rate, share, text, time
from grafana.build.columns import interval as interval_column
from grafana.build.dashboard import dashboard, filters, query_variable
from grafana.build.over_time import by_variant, over_time
from grafana.build.panels import FAIL_RATE_STEPS, GREEN, RED, YELLOW, Json, row, table, timeseries
from grafana.build.quoting import several
from grafana.build.sql import (
    ROOT,
    TRACE,
    chosen,
    classifiers,
    counts,
    interval,
    where,
)
from grafana.thresholds import read

EVIDENCE = read().experiments.sample_ratio_evidence
_EVIDENCE_STEPS: list[tuple[float | None, str]] = [(None, GREEN), (100, YELLOW), (EVIDENCE, RED)]
_NONE = "No experiment has units yet: everyspan experiment start FILE begins one."

# A span may take part in several at once.
_SPANS = "spans\nARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of"
_IN = f"$__conditionalAll(name_of IN ({several('experiment')}), $experiment)"
_WANTED = f"$__conditionalAll(experiment IN ({several('experiment')}), $experiment)"


def build() -> Json:
    return dashboard(
        "everyspan-experiments",
        "Everyspan / Experiments",
        "What to do with each experiment, and its variants side by side.",
        [
            _status(),
            _effects(),
            _balance(),
            row(4, "Rates, cost and traffic in the time range"),
            _rates(),
            _over_time(),
            _traffic(),
            _cost(),
        ],
        [
            query_variable("experiment", "Experiment", "arrayJoin(mapKeys(experiments))"),
            *filters("service", "environment", "model", "prompt_version", "user", "classifier"),
        ],
        time_from="now-7d",
    )


def _status() -> Json:
    sql = f"""SELECT experiment, verdict, variant AS ship, arrayStringConcat(lost, ', ') AS variants_to_stop,
  status, toString(broken) AS broken, units, evidence, counted_from AS since
FROM experiment_status
WHERE {_WANTED}
ORDER BY status, experiment
LIMIT 100"""
    return table(
        1,
        "What should be done?",
        "ship the variant named, stop, keep_going, or broken. Valid however often you look; the "
        "time range does not matter. Why, in words: everyspan experiment status NAME.",
        sql,
        [
            text("experiment", 220),
            text("verdict", 120, "what to do"),
            text("ship", 150, "variant to ship"),
            text("variants_to_stop"),
            text("status", 100),
            text("broken", 150),
            count("units", 80),
            count("evidence", 110, "evidence", steps=_EVIDENCE_STEPS),
            time("since"),
        ],
        size=(24, 6),
        empty=_NONE,
    )


def _effects() -> Json:
    sql = f"""SELECT metric, variant, state, effect, low, high, control_value, variant_value, role,
  experiment
FROM experiment_effects
WHERE {_WANTED}
ORDER BY experiment, variant, position
LIMIT 500"""
    return table(
        2,
        "Which metrics differ, and by how much?",
        "Variant minus control with the interval that holds at every look, for all metrics and "
        "variants of the experiment together. Rates are 0 to 1. worse and better are decided, open "
        "is not, safe is within a guard-rail's margin, no_gain can't reach min_effect any more.",
        sql,
        [
            text("metric"),
            text("variant", 110),
            text("state", 70),
            number("effect", 75),
            number("low", 75),
            number("high", 75),
            number("control_value", 110),
            number("variant_value", 110),
            text("role", 85),
            text("experiment", 0),
        ],
        size=(24, 10),
        empty=_NONE,
    )


def _balance() -> Json:
    sql = f"""SELECT variant, variant_of_units / nullIf(total, 0) AS share, intended, evidence,
  variant_of_units AS units, experiment
FROM (
  SELECT experiment, units AS total, evidence, variant, variant_of_units, intended
  FROM experiment_balance
  ARRAY JOIN variant_names AS variant, variant_units AS variant_of_units,
    variant_shares AS intended
)
WHERE {_WANTED}
ORDER BY experiment, variant
LIMIT 200"""
    return table(
        3,
        "Are units split as intended?",
        "Units (sessions, users) by variant. Evidence over 1000 says no (sample ratio mismatch): "
        "then no effect can be trusted.",
        sql,
        [
            text("variant"),
            share("share", 80),
            share("intended", 90),
            count("evidence", 90, steps=_EVIDENCE_STEPS),
            count("units", 75),
            text("experiment"),
        ],
        size=(24, 6),
        empty=_NONE,
    )


def _rates() -> Json:
    sql = f"""SELECT variant, v.1 AS classifier, v.2 / v.3 AS fail_rate,
  {interval("v.2", "v.3")} AS interval, v.2 AS failed, v.3 AS judged, experiment
FROM (
  SELECT name_of AS experiment, variant_of AS variant, {counts(classifiers())} AS counts
  FROM {_SPANS}
  {where(_IN)}
  GROUP BY name_of, variant_of
)
ARRAY JOIN counts AS v
WHERE v.3 > 0 AND {chosen("v.1")}
ORDER BY experiment, classifier, variant
LIMIT 500"""
    return table(
        5,
        "Which variant fails less?",
        "Fail rate per classifier and variant with its 95 % interval (Wilson) in the time range. "
        "This describes; to decide, see above: spans of a session are not independent, and this "
        "interval is for a single look.",
        sql,
        [
            text("variant", 140),
            text("classifier", 170),
            rate(steps=FAIL_RATE_STEPS),
            interval_column(),
            count("failed", 70),
            count("judged", 75),
            text("experiment"),
        ],
        size=(24, 10),
        empty=_NONE,
    )


def _over_time() -> Json:
    sql = by_variant(classifiers(), _SPANS, where(_IN), "concat(name_of, ' ', variant_of)")
    return timeseries(
        6,
        "Since when do they differ?",
        "Failed / judged per classifier and variant, of the five most judged; choose a classifier "
        "above.",
        sql,
        unit="percentunit",
        label="series",
        size=(12, 9),
    )


def _cost() -> Json:
    sql = f"""SELECT variant_of AS variant, sum(cost_usd) / traces AS cost_per_trace,
  (ifNull(sum(input_tokens), 0) + ifNull(sum(output_tokens), 0)) / traces AS tokens_per_trace,
  quantileIf(0.5)(duration_ms, {ROOT}) AS p50, quantileIf(0.95)(duration_ms, {ROOT}) AS p95,
  countIf(status = 'error' AND {ROOT}) / nullIf(countIf({ROOT}), 0) AS error_rate,
  uniqExact({TRACE}) AS traces, uniqExact(user_id) AS users, name_of AS experiment
FROM {_SPANS}
{where(_IN)}
GROUP BY name_of, variant_of
ORDER BY name_of, variant_of
LIMIT 100"""
    return table(
        7,
        "Which variant is cheaper and faster?",
        "Cost and tokens per trace, percentiles of the duration and error rate of root spans.",
        sql,
        [
            text("variant"),
            dollars("cost_per_trace", 120),
            count("tokens_per_trace", 135),
            ms("p50", 80),
            ms("p95", 80),
            share("error_rate", 95),
            count("traces", 75),
            count("users", 70),
            text("experiment"),
        ],
        size=(24, 8),
        empty=_NONE,
    )


def _traffic() -> Json:
    sql = over_time(
        "uniqMerge(part) AS traces",
        f"uniqState({TRACE}) AS part, count() AS n",
        "n",
        where(_IN),
        label=("concat(name_of, ' ', variant_of)", "series"),
        source=_SPANS,
        together=True,
    )
    return timeseries(
        8,
        "How does the traffic come in?",
        "Traces per variant and interval.",
        sql,
        unit="short",
        label="series",
        style="bars",
        stacked=True,
        size=(12, 9),
    )
