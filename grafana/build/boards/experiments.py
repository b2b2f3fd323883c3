"""Experiments: what to do, why, and the variants side by side."""

from __future__ import annotations

from grafana.build.columns import count, dollars, ms, rate, share, text, time
from grafana.build.columns import interval as interval_column
from grafana.build.dashboard import dashboard, filters, query_variable
from grafana.build.over_time import by_variant, over_time, slot
from grafana.build.panels import FAIL_RATE_STEPS, GREEN, RED, YELLOW, Json, row, table, timeseries
from grafana.build.quoting import several
from grafana.build.sql import (
    ROOT,
    TRACE,
    chosen,
    classifiers,
    counts,
    interval,
    measured,
    where,
)
from grafana.thresholds import read

EVIDENCE = read().experiments.sample_ratio_evidence
_EVIDENCE_STEPS: list[tuple[float | None, str]] = [(None, GREEN), (100, YELLOW), (EVIDENCE, RED)]
_NONE = "No experiment has units yet: everyspan experiment start FILE begins one."

_TO_DO = (("ship", GREEN), ("stop", RED), ("broken", RED))
_DECIDED = (("better", GREEN), ("safe", GREEN), ("worse", RED))

# A span may take part in several at once.
_SPANS = "spans\nARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of"
_IN = f"$__conditionalAll(name_of IN ({several('experiment')}), $experiment)"
# Of another project than the default one it is named 'alpha/checkout'.
_PLAIN = "arrayElement(splitByChar('/', experiment), -1)"
_WANTED = f"$__conditionalAll({_PLAIN} IN ({several('experiment')}), $experiment)"


def _counted(*also: str) -> str:
    """SQL of name_of, variant_of and the counts of verdicts, perhaps several rows of a variant.
    ``also``: "SQL AS alias" that they are told apart by."""
    # Counted by all experiments of a row at once: to count of each, rows would be copied with all of
    # their verdicts.
    by = "".join(f", {each.rpartition(' AS ')[2]}" for each in also)
    return f"""SELECT name_of, variant_of, counts{by}
  FROM (
    SELECT {"".join(f"{each}, " for each in also)}experiments, {counts(classifiers())} AS counts
    FROM spans
    {where("notEmpty(experiments)")}
    GROUP BY experiments{by}
  )
  ARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of
  WHERE {_IN}"""


def _words(column: str) -> str:
    """too_early as it is read."""
    return f"replaceAll({column}, '_', ' ')"


def _told(column: str, sign: str = "") -> str:
    """A figure of a metric with its unit, '' where there is none. ``sign``: of what is over 0."""
    amount = f"abs({column})"
    # Four digits or so of what may be a millionth of a dollar or a thousand tokens.
    plain = f"""toString(multiIf({amount} < 0.01, round({amount}, 6), {amount} < 1, round({amount}, 4),
    {amount} < 100, round({amount}, 2), round({amount})))"""
    return f"""if(NOT isFinite({column}), '', concat(if({column} < 0, '-', if({column} > 0, '{sign}', '')),
    multiIf(rate = 1, concat(toString(round(100 * {amount}, 2)), ' %'),
      metric = 'latency_ms', concat({plain}, ' ms'),
      startsWith(metric, 'cost_usd'), concat('$', {plain}), {plain})))"""


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
    sql = f"""SELECT experiment, {_words("verdict")} AS what_to_do, toString(broken) AS why_broken,
  variant AS ship, arrayStringConcat(lost, ', ') AS variants_to_stop, status, units, evidence,
  counted_from AS since, measured_at
FROM {measured("experiment_status")}
WHERE {_WANTED}
ORDER BY status, units = 0, experiment
LIMIT 100"""
    return table(
        1,
        "What should be done?",
        "ship the variant named, stop, keep going, or broken. Valid however often you look; the "
        "time range does not matter, classify looks each minute. Why, in words: everyspan "
        "experiment status NAME.",
        sql,
        [
            text("experiment"),
            text("what_to_do", 100, words=_TO_DO),
            text("why_broken", 205),
            text("ship", 125, "variant to ship"),
            text("variants_to_stop", 130),
            text("status", 80),
            count("units", 70),
            count("evidence", 85, "evidence", steps=_EVIDENCE_STEPS),
            time("since"),
            time("measured_at"),
        ],
        size=(24, 6),
        empty=_NONE,
    )


def _effects() -> Json:
    sql = f"""SELECT metric, variant, {_words("state")} AS decided, {_told("effect", "+")} AS difference,
  if({_told("effect")} = '', '', concat({_told("low", "+")}, ' to ', {_told("high", "+")})) AS between,
  {_told("control_value")} AS control, {_told("variant_value")} AS with_variant, role, experiment
FROM {measured("experiment_effects")}
WHERE {_WANTED}
ORDER BY least(control_units, variant_units) = 0, experiment, variant, position
LIMIT 500"""
    return table(
        2,
        "Which metrics differ, and by how much?",
        "Variant minus control with the interval that holds at every look, for all metrics and "
        "variants of the experiment together. worse and better are decided, open is not, safe is "
        "within a guard-rail's margin, no gain can't reach min_effect any more.",
        sql,
        [
            text("metric", 170),
            text("variant", 120),
            text("decided", 85, words=_DECIDED),
            text("difference", 95),
            text("between", 210),
            text("control", 95),
            text("with_variant", 105),
            text("role", 85),
            text("experiment"),
        ],
        size=(24, 10),
        empty=_NONE,
    )


def _balance() -> Json:
    sql = f"""SELECT variant, variant_of_units / nullIf(total, 0) AS share, intended, evidence,
  variant_of_units AS units, experiment
FROM (
  SELECT experiment, units AS total, evidence, variant, variant_of_units, intended
  FROM {measured("experiment_balance")}
  ARRAY JOIN variant_names AS variant, variant_units AS variant_of_units,
    variant_shares AS intended
)
WHERE {_WANTED}
ORDER BY total = 0, experiment, variant
LIMIT 200"""
    return table(
        3,
        "Are units split as intended?",
        "Units (sessions, users) by variant. Evidence over 1000 says no (sample ratio mismatch): "
        "then no effect can be trusted.",
        sql,
        [
            text("variant", 220),
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
    sql = f"""SELECT variant, classifier, failed / judged AS fail_rate,
  {interval("failed", "judged")} AS interval, failed, judged, experiment
FROM (
  SELECT name_of AS experiment, variant_of AS variant, v.1 AS classifier,
    sum(v.2) AS failed, sum(v.3) AS judged
  FROM (
  {_counted()}
  )
  ARRAY JOIN counts AS v
  WHERE v.3 > 0 AND {chosen("v.1")}
  GROUP BY experiment, variant, classifier
)
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
    sql = by_variant(_counted(f"{slot()} AS slot"), "concat(name_of, ' ', variant_of)")
    return timeseries(
        6,
        "Since when do they differ?",
        "Failed / judged of each variant, by the classifier that tells them apart the most; choose "
        "another above.",
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
