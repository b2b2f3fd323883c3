"""Quality: verdicts of the quality layer."""

from __future__ import annotations

from grafana.build.columns import count, rate, session, text, time, trace
from grafana.build.columns import interval as interval_column
from grafana.build.dashboard import STANDARD, dashboard, filters
from grafana.build.failing import fail_states, worst_of
from grafana.build.panels import FAIL_RATE_STEPS, Json, barchart, row, table
from grafana.build.reviewed import reviewed_table
from grafana.build.seasonal import drift_table, token_drift_table
from grafana.build.sql import (
    any_failed,
    chosen,
    classifiers,
    columns,
    fail_rate_by,
    newest_failures,
    verdicts,
    where,
)
from grafana.build.told import told_table

_NAMES = classifiers("quality")


def build() -> Json:
    return dashboard(
        "everyspan-quality",
        "Everyspan / Quality",
        "Which answers are bad, since when, and what they have in common.",
        [
            fail_states(1, _NAMES, "How often does each classifier fail?"),
            worst_of(15, _NAMES),
            _newest(),
            told_table(14, _NAMES),
            reviewed_table(16, _NAMES),
            row(3, "What do failures have in common?"),
            *(_by(*one) for one in _DIMENSIONS),
            _scores(),
            _inputs(),
            row(9, "Is it drifting?"),
            drift_table(10, _NAMES),
            token_drift_table(11),
        ],
        [*filters(*STANDARD), *filters("quality")],
    )


_DIMENSIONS = (
    (4, "prompt_version", "prompt version", "concat(prompt_name, ' ', prompt_version)", "prompt"),
    (5, "model", "model", "model", "model"),
    (6, "name", "step", "name", "step"),
)


def _by(panel_id: int, column: str, label: str, expression: str, alias: str) -> Json:
    return table(
        panel_id,
        f"Which {label} fails?",
        f"Failed / judged per {label} and classifier, worst first by the lower end of the 95 % "
        "interval of the fail rate, so that few spans do not come out on top.",
        fail_rate_by(_NAMES, expression, alias, f"{column} != ''"),
        [
            text(alias),
            text("classifier", 150),
            rate(steps=FAIL_RATE_STEPS, width=110),
            interval_column(),
            count("failed", 65),
            count("judged", 70),
        ],
        size=(12, 9),
        empty="No verdict failed in what was judged of this time range.",
    )


def _inputs() -> Json:
    # Digits, ids and quoted values aside, so that the same question about two orders is one group.
    sql = f"""SELECT substringUTF8(pattern, 1, 160) AS input_like, classifier, count() AS failures,
  argMax(trace_id, start_time) AS newest_trace, uniq(trace_id) AS traces, uniq(user_id) AS users,
  max(start_time) AS last_seen
FROM (
  SELECT trace_id, user_id, start_time, v.1 AS classifier, replaceRegexpAll(
      lower(substringUTF8(if(input != '', input, input_messages), 1, 400)),
      '[0-9a-f]{{8,}}|[0-9]+|\\\\s+', ' ') AS pattern
  FROM (
    SELECT trace_id, user_id, start_time, input, input_messages, {verdicts(_NAMES)} AS verdicts
    FROM spans
    {where(any_failed(_NAMES, selected=True))}
    ORDER BY start_time DESC
    LIMIT 5000
  )
  ARRAY JOIN verdicts AS v
  WHERE v.2 = 'fail' AND {chosen("v.1")}
)
GROUP BY classifier, input_like
ORDER BY failures DESC
LIMIT 30"""
    return table(
        7,
        "Which inputs fail most?",
        "Inputs of failed spans, alike but for numbers and ids; of the newest 5,000 failures. "
        "The link goes to the newest trace.",
        sql,
        [
            text("input_like", title="inputs like", wrap=True),
            text("classifier", 160),
            count("failures", 80),
            trace("newest_trace", 120, "newest trace"),
            count("traces", 75),
            count("users", 70),
            time("last_seen"),
        ],
        size=(24, 10),
        empty="No verdict failed in what was judged of this time range.",
    )


def _scores() -> Json:
    # Each score becomes its tenth once; not judged (NaN) becomes 255. Counting seventy columns in
    # one pass is faster than one row per span and classifier.
    tenths = ",\n      ".join(
        f"if(isNaN({n}_score), 255, least(9, toUInt8({n}_score * 10))) AS tenth_{n}"
        for n in columns(_NAMES)
    )
    series = ",\n    ".join(
        f"[{', '.join(f'countIf(tenth_{n} = {i})' for i in range(10))}] AS counts_{n}"
        for n in columns(_NAMES)
    )
    shown = ", ".join(f"if({chosen(repr(n))}, count_{n}, 0) AS {n}" for n in columns(_NAMES))
    joined = ", ".join(f"counts_{n} AS count_{n}" for n in columns(_NAMES))
    sql = f"""SELECT concat('0.', toString(tenth)) AS score, {shown}, count_custom AS custom
FROM (
  SELECT {series},
    arrayResize(sumForEach(arrayMap(i -> countEqual(tenths_custom, i), range(10))), 10) AS counts_custom
  FROM (
    SELECT {tenths},
      arrayMap(c -> least(9, toUInt8(custom_scores[c] * 10)), arrayFilter(c -> {chosen("c")},
        CAST(mapKeys(custom_scores), 'Array(String)'))) AS tenths_custom
    FROM spans
    {where()}
  )
)
ARRAY JOIN range(10) AS tenth, {joined}, counts_custom AS count_custom
ORDER BY tenth"""
    return barchart(
        8,
        "How sure are the verdicts?",
        "Judged spans by score, in tenths from 0 (certainly fine) to 1 (certainly bad). Many "
        "scores in the middle mean that the classifier's threshold is worth a look.",
        sql,
        x="score",
        unit="short",
        size=(12, 9),
        stacked=True,
    )


def _newest() -> Json:
    return table(
        13,
        "What failed most recently?",
        "Failed verdicts with their evidence, newest first. Open the trace to see the step in it.",
        newest_failures(
            _NAMES,
            [
                "trace_id",
                "name AS step",
                "service_name AS service",
                "model",
                "prompt_version",
                "session_id",
            ],
            "name, model, prompt_version, service_name, trace_id, session_id",
        ),
        [
            time(),
            text("classifier", 150),
            text("evidence", wrap=True),
            trace(),
            text("step", 140),
            text("service", 120),
            text("model", 120),
            text("prompt_version", 120),
            session(),
        ],
        size=(24, 9),
        empty="No verdict failed in what was judged of this time range.",
    )
