"""Alert rules from thresholds.toml, as Grafana's alerting provisioning file.

Each rule is SQL with one numeric column and string columns (A), its last value (B), and a threshold
(C). The string columns and the rule's labels are all that an alert says of its cause; the webhook
finds the traces by them and the window in the annotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grafana.build.panels import Json
from grafana.build.rule import BY_SERVICE, CLASSIFIER_PANEL, counted, duration, rule
from grafana.build.seasonal import drift, drift_counts, token_drift, week_number, windows
from grafana.build.seldom import seldom_rules
from grafana.build.silence import silence
from grafana.build.sql import (
    JUDGED,
    ONCE,
    PRODUCTION,
    classifiers,
    counts,
    custom_counts,
    layer_of_each,
    measured,
    wilson_low,
)
from grafana.conditions import OPERATIONAL, ROOT, verdict, within
from grafana.thresholds import ClassifierThresholds, Thresholds

FOLDER = "Everyspan"

# Spans that came less than this before are not expected to have a verdict yet.
COVERAGE_LAG = 300
_COVERAGE_WINDOW = 3600


def rules_file(thresholds: Thresholds, boards: Mapping[str, Json]) -> Json:
    """``boards``: dashboards by uid, for the panels that rules link to."""
    panels = {
        (uid, panel["title"]): panel["id"]
        for uid, board in boards.items()
        for panel in board["panels"]
    }
    each = thresholds.classifier.items()
    single = [_critical(name, one, thresholds) for name, one in each if one.critical]
    rates = [_fail_rate(name, one, thresholds) for name, one in each if one.critical != "fail"]
    groups = [
        _group("Single failures", "10s", single, panels),
        _group("Classifiers", "20s", [*rates, _custom(thresholds)], panels),
        _group("Operational", "1m", _operational(thresholds), panels),
        _group("Services that seldom run", "2m", seldom_rules(thresholds), panels),
        _group("Judging", "1m", _judging(thresholds), panels),
        _group("Drift", "10m", _drift(thresholds), panels),
        _group("Experiments", "1m", _experiments(thresholds), panels),
    ]
    return {"apiVersion": 1, "groups": groups}


def _group(name: str, interval: str, rules: list[Json], panels: Mapping[Any, int]) -> Json:
    for each in rules:
        # KeyError here: a panel was renamed.
        each["panelId"] = panels[(each["dashboardUid"], each.pop("panel"))]
    return {"orgId": 1, "name": name, "folder": FOLDER, "interval": interval, "rules": rules}


def _fail_rate(name: str, one: ClassifierThresholds, thresholds: Thresholds) -> Json:
    rate = thresholds.fail_rate
    recent = f"judged_at >= $__toTime - INTERVAL {rate.short_window_seconds} SECOND"
    of = verdict(name, name, f"{name}_score", "fail_rate")
    sql = f"""SELECT service_name AS service, environment, project,
  if(failed >= {rate.min_failed} AND judged_recently > 0,
    least({wilson_low("failed", "judged")}, failed_recently / judged_recently), 0) AS fail_rate
FROM (
  SELECT service_name, environment, project,
    countIf({name} = 'fail') AS failed, count() AS judged,
    countIf({name} = 'fail' AND {recent}) AS failed_recently, countIf({recent}) AS judged_recently
  FROM spans
  WHERE {counted(of)}
  GROUP BY service_name, environment, project
)
WHERE judged >= {rate.min_judged}"""
    layer = layer_of_each()[name]
    words = name.replace("_", " ")
    return rule(
        f"everyspan-{name.replace('_', '-')}{'-rate' if one.critical else ''}",
        f"{name} fails too often",
        sql,
        seconds=rate.long_window_seconds,
        time=of.time,
        above=one.max_fail_rate,
        severity=one.severity,
        team=one.team,
        labels={"classifier": name, "layer": layer, "kind": "fail_rate"},
        summary=f"{words}: at least {{{{ humanizePercentage $values.B.Value }}}} of the judged "
        f"spans of {BY_SERVICE} fail",
        description=f"Both the last {duration(rate.long_window_seconds)} (lower end of the 95 % "
        f"interval) and the last {duration(rate.short_window_seconds)} lie above "
        f"{one.max_fail_rate:.0%}.",
        board=f"everyspan-{layer}",
        panel=CLASSIFIER_PANEL[layer],
    )


def _custom(thresholds: Thresholds) -> Json:
    """One rule for all classifiers that users add: each is a series of its own, with its own limit."""
    rate, custom = thresholds.fail_rate, thresholds.custom
    recent = f"judged_at >= $__toTime - INTERVAL {rate.short_window_seconds} SECOND"
    lower = f"least({wilson_low('failed', 'judged')}, failed_recently / judged_recently)"
    sql = f"""SELECT service, environment, project, classifier,
  if(failed >= {rate.min_failed} AND judged_recently > 0 AND {lower} > max_fail_rate,
    {lower}, 0) AS fail_rate
FROM (
  SELECT service_name AS service, environment, project, v.1 AS classifier, v.2 AS failed, v.3 AS judged,
    arrayFirst(r -> r.1 = v.1, recent).2 AS failed_recently,
    arrayFirst(r -> r.1 = v.1, recent).3 AS judged_recently
  FROM (
    SELECT service_name, environment, project, {custom_counts(news=True)} AS counts,
      {custom_counts(recent, news=True, alias="recently")} AS recent
    FROM spans
    WHERE {within("judged_at", "$__fromTime", "$__toTime")} AND {PRODUCTION} AND notEmpty(custom)
    GROUP BY service_name, environment, project
  )
  ARRAY JOIN counts AS v
  WHERE v.3 >= {rate.min_judged}
) AS seen
INNER JOIN (
  SELECT name AS classifier, if(argMax(max_fail_rate, revision) > 0,
    argMax(max_fail_rate, revision), {custom.max_fail_rate}) AS max_fail_rate
  FROM custom_classifiers
  GROUP BY name
  HAVING argMax(state, revision) = 'live'
) AS live USING (classifier)"""
    return rule(
        "everyspan-custom",
        "A custom classifier fails too often",
        sql,
        time="judged_at",
        seconds=rate.long_window_seconds,
        above=0,
        severity=custom.severity,
        team=custom.team,
        labels={"layer": "quality", "kind": "fail_rate"},
        summary="{{ $labels.classifier }}: at least {{ humanizePercentage $values.B.Value }} of the "
        f"judged spans of {BY_SERVICE} fail",
        description=f"Both the last {duration(rate.long_window_seconds)} (lower end of the 95 % "
        f"interval) and the last {duration(rate.short_window_seconds)} lie above what the "
        f"classifier says (--max-fail-rate), {custom.max_fail_rate:.0%} where it says nothing.",
        board="everyspan-quality",
        panel=CLASSIFIER_PANEL["quality"],
        annotations={"threshold": f"{custom.max_fail_rate:g}"},
    )


def _critical(name: str, one: ClassifierThresholds, thresholds: Thresholds) -> Json:
    seconds = thresholds.fail_rate.critical_window_seconds
    outcome = "obeyed" if one.critical == "obeyed" else ""
    of = verdict(name, name, f"{name}_score", "critical", outcome)
    sql = f"""SELECT service_name AS service, environment, project,
  uniqExactIf(trace_id, {of.failing}) AS failed_traces
FROM spans
WHERE {counted(of)}
  AND trace_id GLOBAL IN (SELECT trace_id FROM spans_raw
    WHERE {within(of.time, "$__fromTime", "$__toTime")} AND {name} = 'fail')
GROUP BY service_name, environment, project"""
    layer = layer_of_each()[name]
    words = f"{name.replace('_', ' ')}{f' that was {outcome}' if outcome else ''}"
    return rule(
        f"everyspan-{name.replace('_', '-')}",
        f"{name} {outcome or 'found'}",
        sql,
        seconds=seconds,
        time=of.time,
        above=0,
        severity="critical",
        team=one.team,
        labels={"classifier": name, "layer": layer, "kind": "critical"}
        | ({"outcome": outcome} if outcome else {}),
        summary=f"{words} in {BY_SERVICE}, traces: {{{{ $values.B.Value }}}}",
        description=f"One failed span is enough{_WHICH[one.critical]}. Judged in the last "
        f"{duration(seconds)}.",
        board=f"everyspan-{layer}",
        panel=CLASSIFIER_PANEL[layer],
    )


#: What a rule of single failures asks for beside the failure.
_WHICH = {
    "fail": "",
    "obeyed": ": the answer, or a tool's call after it, carries what the attack asked for. Attempts "
    "alone alert by their rate",
}


def _operational(thresholds: Thresholds) -> list[Json]:
    limits = thresholds.operational
    window = limits.window_seconds
    common: dict[str, Any] = {"severity": limits.severity, "team": limits.team}
    # By the end of a trace or step: what takes long is counted when it is over.
    past = windows("$__fromTime", "$__toTime")
    past_ends = windows("$__fromTime", "$__toTime", "end_time")
    week = week_number("$__toTime")
    week_of_end = week_number("$__toTime", "end_time")
    traces, tools = OPERATIONAL["latency"], OPERATIONAL["tool_failure"]
    failed_tool = tools.failing.removeprefix(f"{tools.judged} AND ")

    def labels(kind: str) -> dict[str, str]:
        return {"layer": "operational", "kind": kind}

    return [
        rule(
            "everyspan-latency",
            "Traces are slow",
            f"""SELECT service_name AS service, environment, project, quantile(0.95)(duration_ms) / 1000 AS p95
FROM spans
WHERE {counted(traces)}
GROUP BY service_name, environment, project
HAVING count() >= {limits.min_traces}""",
            seconds=window,
            time=traces.time,
            above=limits.p95_seconds,
            labels=labels("latency"),
            summary=f"p95 of {BY_SERVICE} is {{{{ humanizeDuration $values.B.Value }}}}",
            description="95th percentile of the duration of root spans.",
            board="everyspan-operational",
            panel="How long do traces take?",
            hold="2m",
            **common,
        ),
        rule(
            "everyspan-latency-growth",
            "Traces are slower than usual",
            f"""SELECT service_name AS service, environment, project,
  quantileIf(0.95)(duration_ms, week = 0) / quantileIf(0.95)(duration_ms, week > 0) AS growth
FROM (
  SELECT service_name, environment, project, duration_ms, {week_of_end} AS week
  FROM spans
  WHERE {past_ends} AND {PRODUCTION} AND {ROOT}
)
GROUP BY service_name, environment, project
HAVING countIf(week = 0) >= {limits.min_traces} AND countIf(week > 0) >= {limits.min_traces}
  AND growth < inf""",
            seconds=window,
            time=traces.time,
            above=limits.latency_growth,
            labels=labels("latency_growth"),
            summary=f"p95 of {BY_SERVICE} is {{{{ $values.B.Value }}}} times that of the same "
            "hours of past weeks",
            description="95th percentile of the duration of root spans, now and then.",
            board="everyspan-operational",
            panel="How long do traces take?",
            hold="5m",
            **common,
        ),
        rule(
            "everyspan-error-rate",
            "Traces end in errors",
            f"""SELECT service_name AS service, environment, project,
  {wilson_low("countIf(status = 'error')", "count()")} AS error_rate
FROM spans
WHERE {counted(traces)}
GROUP BY service_name, environment, project
HAVING count() >= {limits.min_traces}""",
            seconds=window,
            time=traces.time,
            above=limits.error_rate,
            labels=labels("error_rate"),
            summary=f"at least {{{{ humanizePercentage $values.B.Value }}}} of the traces of "
            f"{BY_SERVICE} end in an error",
            description="Root spans with status error; the lower end of the 95 % interval.",
            board="everyspan-operational",
            panel="How many traces end in an error?",
            hold="1m",
            **common,
        ),
        rule(
            "everyspan-tool-failure",
            "A tool fails",
            f"""SELECT service_name AS service, environment, project, tool_name AS tool,
  {wilson_low(f"countIf({failed_tool})", "count()")} AS failure_rate
FROM spans
WHERE {counted(tools)} AND tool_name != ''
GROUP BY service_name, environment, project, tool_name
HAVING count() >= {limits.min_tool_calls}""",
            seconds=window,
            time=tools.time,
            above=limits.tool_failure_rate,
            labels=labels("tool_failure"),
            summary=f"at least {{{{ humanizePercentage $values.B.Value }}}} of the calls of tool "
            f"{{{{ $labels.tool }}}} of {BY_SERVICE} fail",
            description="Tool steps with an error status or a failed tool_call_error verdict; the "
            "lower end of the 95 % interval.",
            board="everyspan-operational",
            panel="Do the tools work?",
            hold="1m",
            **common,
        ),
        rule(
            "everyspan-cost",
            "Cost has jumped",
            f"""SELECT service_name AS service, environment, project,
  sumIf(cost_usd, week = 0) / (sumIf(cost_usd, week > 0) / uniqExactIf(week, week > 0)) AS growth
FROM (
  SELECT service_name, environment, project, cost_usd, {week} AS week
  FROM spans
  WHERE {past} AND {PRODUCTION} AND cost_usd > 0
)
GROUP BY service_name, environment, project
HAVING sumIf(cost_usd, week = 0) >= {limits.min_cost_usd:g} AND countIf(week > 0) > 0""",
            seconds=3600,
            above=limits.cost_growth,
            labels=labels("cost"),
            summary=f"{BY_SERVICE} costs {{{{ $values.B.Value }}}} times what the same hour of "
            "past weeks did",
            description="Cost of the model calls of the last hour against the mean of the same "
            f"hour of the past four weeks; from ${limits.min_cost_usd:g} an hour.",
            board="everyspan-operational",
            panel="What does each model cost?",
            hold="5m",
            **common,
        ),
        rule(
            "everyspan-coverage",
            "Not every span is judged",
            f"""SELECT service_name AS service, environment, project,
  countIf({JUDGED}) / count() AS coverage
FROM spans
WHERE start_time >= $__fromTime - INTERVAL 86400 SECOND AND $__timeFilter(ingested_at) AND {PRODUCTION}
GROUP BY service_name, environment, project""",
            seconds=_COVERAGE_WINDOW,
            time="ingested_at",
            shift=COVERAGE_LAG,
            below=limits.coverage,
            labels=labels("coverage"),
            summary=f"only {{{{ humanizePercentage $values.B.Value }}}} of the spans of "
            f"{BY_SERVICE} are judged",
            description="Spans stored in the hour before the last five minutes, and that all "
            "classifiers have judged: is classify running, does it keep up, can all of them work?",
            board="everyspan-monitor",
            panel="When was not everything judged?",
            hold="2m",
            **common,
        ),
        rule(
            "everyspan-told",
            "A classifier can't tell",
            f"""SELECT service, environment, project, v.1 AS classifier, v.3 / (v.3 + v.4) AS told
FROM (
  SELECT service_name AS service, environment, project, {counts(classifiers())} AS counts
  FROM spans
  WHERE start_time >= $__fromTime - INTERVAL 86400 SECOND AND $__timeFilter(ingested_at) AND {PRODUCTION}
  GROUP BY service, environment, project
)
ARRAY JOIN counts AS v
WHERE v.3 + v.4 >= {limits.min_told}""",
            seconds=_COVERAGE_WINDOW,
            time="ingested_at",
            shift=COVERAGE_LAG,
            below=limits.told,
            labels=labels("told"),
            summary="{{ $labels.classifier }} can tell only of {{ humanizePercentage $values.B.Value }}"
            f" of what it looks at in {BY_SERVICE}",
            description="In the others it abstained, so that its fail rate says nothing of them. The "
            "reasons are in their evidence, and on the boards Quality and Safety.",
            board="everyspan-overview",
            panel="How much is judged?",
            hold="10m",
            severity="warning",
            team=limits.team,
        ),
        rule(
            "everyspan-silence",
            "A service has gone silent",
            silence(),
            seconds=limits.silent_seconds,
            below=1,
            labels=labels("silence"),
            summary=f"nothing from {BY_SERVICE} for "
            f"{duration(limits.silent_seconds)}, when it usually sends",
            description=f"It sent at least {limits.min_traces} spans in the same minutes of earlier "
            "weeks (of yesterday, where it is younger). Taken out of use? Name it under `retired` in "
            "thresholds.toml.",
            board="everyspan-monitor",
            panel="How many spans come in?",
            hold="1m",
            **common,
        ),
    ]


# The services sample their metrics every 15 seconds: what has said nothing for so long is gone.
_SAMPLED_WITHIN = 120


def _judging(thresholds: Thresholds) -> list[Json]:
    """What keeps classify from judging, as it says itself."""
    limits = thresholds.operational
    common: dict[str, Any] = {
        "severity": limits.severity,
        "team": limits.team,
        "board": "everyspan-monitor",
    }
    broken = "What can't judge, and what can't be read?"

    def gauge(metric: str, label: str, name: str) -> str:
        return f"""SELECT {name}, max(value) AS value
FROM (
  SELECT labels['{label}'] AS {name}, instance, argMax(value, time) AS value
  FROM stack_metrics
  WHERE metric = '{metric}' AND $__timeFilter(time)
  GROUP BY {name}, instance
)
GROUP BY {name}"""

    return [
        rule(
            "everyspan-classifier-broken",
            "A classifier can't judge",
            gauge("everyspan_classify_broken", "classifier", "classifier"),
            seconds=_SAMPLED_WITHIN,
            above=0,
            labels={"layer": "operational", "kind": "classifier_broken"},
            summary="{{ $labels.classifier }} can't judge: its spans wait for it",
            description="A file of the model is missing or altered, or the classifier fails for "
            "every span; `everyspan status` and /readyz of classify say why. Reinstall "
            "everyspan-server, or restore the file: spans that wait are then judged.",
            panel=broken,
            **common,
        ),
        rule(
            "everyspan-classify-errors",
            "Judging runs into errors",
            """SELECT place, sum(now - before) AS errors
FROM (
  SELECT labels['where'] AS place, instance, max(value) AS now,
    maxIf(value, time < $__fromTime) AS before
  FROM stack_metrics
  WHERE metric = 'everyspan_classify_errors_total'
    AND time >= $__fromTime - INTERVAL 1 DAY AND time <= $__toTime
  GROUP BY place, instance
)
GROUP BY place""",
            seconds=limits.window_seconds,
            above=limits.classify_errors,
            labels={"layer": "operational", "kind": "classify_errors"},
            summary="{{ $values.B.Value }} errors of {{ $labels.place }} while judging",
            description=f"In the last {duration(limits.window_seconds)}. A classifier's name: it "
            "could not take these spans, which are then abstained with the error as evidence "
            "(evidence[name] LIKE 'classifier error%'). Others: see the log of classify.",
            panel="Do the classifiers work?",
            **common,
        ),
        rule(
            "everyspan-records-set-aside",
            "A record of Everyspan's own can't be read",
            gauge("everyspan_records_set_aside", "table", "source"),
            seconds=_SAMPLED_WITHIN,
            above=0,
            labels={"layer": "operational", "kind": "records_set_aside"},
            summary="{{ $values.B.Value }} records of {{ $labels.source }} can't be read and are set "
            "aside",
            description="The rest goes on without them. The log names each once; `everyspan status` "
            "lists them. Install the version that wrote them, write them anew, or remove them.",
            panel=broken,
            **common,
        ),
    ]


def _drift(thresholds: Thresholds) -> list[Json]:
    limits = thresholds.drift
    common: dict[str, Any] = {"severity": limits.severity, "team": limits.team}
    group = ["service_name", "environment", "project"]
    past = windows("$__fromTime", "$__toTime")
    counted = drift_counts(classifiers(), f"WHERE {past} AND {PRODUCTION}", "$__toTime", group)
    rates = drift(counted, group)
    tokens = token_drift(
        f"WHERE {past} AND {PRODUCTION} AND step_kind = 'llm' AND model != '' AND {ONCE}",
        "$__toTime",
        [*group, "model"],
    )
    return [
        rule(
            "everyspan-drift-fail-rate",
            "A fail rate differs from past weeks",
            f"""SELECT service_name AS service, environment, project, classifier, z
FROM (
  {rates}
)""",
            seconds=limits.window_seconds,
            above=limits.z,
            labels={"layer": "drift", "kind": "drift_fail_rate"},
            summary=f"{{{{ $labels.classifier }}}} of {BY_SERVICE} fails more than in the same "
            "hours of past weeks ({{ $values.B.Value }} standard errors)",
            description="Nothing of your own changed? Providers change models silently.",
            board="everyspan-quality",
            panel="Does any fail rate differ from past weeks?",
            **common,
        ),
        rule(
            "everyspan-drift-tokens",
            "A model answers differently than in past weeks",
            f"""SELECT service_name AS service, environment, project, model, psi
FROM (
  {tokens}
)""",
            seconds=limits.window_seconds,
            above=limits.psi,
            labels={"layer": "drift", "kind": "drift_tokens"},
            summary=f"answers of {{{{ $labels.model }}}} in {BY_SERVICE} have another length "
            "than in past weeks (population stability index {{ $values.B.Value }})",
            description="Output tokens of the last hours against the same hours of the past four "
            "weeks. Nothing of your own changed? Providers change models silently.",
            board="everyspan-quality",
            panel="Do models answer differently than in past weeks?",
            **common,
        ),
    ]


def _experiments(thresholds: Thresholds) -> list[Json]:
    """Of running experiments, over all their units: the time range does not matter."""
    limits = thresholds.experiments
    common: dict[str, Any] = {
        "seconds": 3600,
        "severity": limits.severity,
        "team": limits.team,
        "board": "everyspan-experiments",
    }
    return [
        rule(
            "everyspan-experiment-split",
            "An experiment's units are not split as intended",
            f"""SELECT experiment, project, evidence
FROM {measured("experiment_status")}
WHERE experiment IN (SELECT name FROM experiments WHERE status = 'running')""",
            # The rule fires at the limit itself, as the verdict does.
            above=limits.sample_ratio_evidence * (1 - 1e-9),
            labels={"layer": "experiments", "kind": "experiment_split"},
            summary="experiment {{ $labels.experiment }}: sample ratio mismatch, its effects can't be "
            "trusted (evidence {{ $values.B.Value }})",
            description="Units do not come in the proportions of the weights. Look for a variant "
            "that fails before its first span, a cache or redirect in front of one of them, spans "
            "of one that are lost. Details: everyspan experiment status {{ $labels.experiment }}",
            panel="Are units split as intended?",
            **common,
        ),
        rule(
            "everyspan-experiment-guardrail",
            "A variant loses a guard-rail",
            f"""SELECT experiment, project, variant, metric, toFloat64(harm_low - margin) AS beyond
FROM {measured("experiment_effects")}
WHERE role = 'guardrail' AND state = 'worse'
  AND experiment IN (SELECT name FROM experiments WHERE status = 'running')""",
            above=0,
            labels={"layer": "experiments", "kind": "experiment_guardrail"},
            summary="experiment {{ $labels.experiment }}: variant {{ $labels.variant }} loses "
            "{{ $labels.metric }} (at least {{ $values.B.Value }} beyond its margin)",
            description="Certain at every look. Give everybody the control: everyspan experiment "
            "stop {{ $labels.experiment }}; or take the variant out of its definition and start it "
            "again.",
            panel="Which metrics differ, and by how much?",
            **common,
        ),
    ]
