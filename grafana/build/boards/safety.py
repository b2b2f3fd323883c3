"""Safety: attacks and leaks."""

from __future__ import annotations

from grafana.build.columns import count, text, time, trace
from grafana.build.dashboard import STANDARD, dashboard, filters
from grafana.build.failing import fail_states
from grafana.build.over_time import failures
from grafana.build.panels import GREEN, ORANGE, RED, YELLOW, Json, id_for, stat, table, timeseries
from grafana.build.reviewed import reviewed_table
from grafana.build.sql import (
    any_failed,
    chosen,
    classifiers,
    newest_failures,
    verdicts,
    where,
)
from grafana.build.told import told_table

_NAMES = classifiers("safety")
_NOTHING = "No attack and no leak was found in what was judged of this time range."
# Of the panels that had ids before ids had names.
_NUMBER_IDS = {"jailbreak": 1, "prompt_injection": 2, "toxicity": 3, "data_leakage": 4}

# Evidence of data_leakage reads "output: github-token ghp_…Q2 (from result of lookup)".
_KIND = "extract(evidence_text, '^[^:]*: ([a-z0-9-]+)')"
_SOURCE = "extract(evidence_text, '\\\\(from ([^)]*)\\\\)')"
# Classifiers mask what they quote; a second look for what has slipped through: long runs of
# letters and digits mixed keep their first four characters.
_MASKED = (
    "replaceRegexpAll(evidence, "
    "'\\\\b([A-Za-z0-9_+/-]{4})(?:[A-Za-z_+/-]*[0-9]){4}[A-Za-z0-9_+/=-]{8,}', '\\\\1…')"
)


def build() -> Json:
    return dashboard(
        "everyspan-safety",
        "Everyspan / Safety",
        "Attacks on the agent and leaks out of it.",
        [
            *(_number(name) for name in _NAMES),
            timeseries(
                5,
                "When were there attacks and leaks?",
                "Spans that a safety classifier failed, per classifier and interval.",
                failures(_NAMES),
                unit="short",
                label="classifier",
                style="bars",
                stacked=True,
            ),
            fail_states(6, _NAMES, "What share of the judged spans fails?", (12, 8)),
            _newest(),
            told_table(id_for("told"), _NAMES, [(None, GREEN), (0.01, YELLOW), (0.02, RED)]),
            reviewed_table(id_for("reviewed"), _NAMES),
            _kinds(),
            _users(),
            _sources(),
        ],
        [*filters(*STANDARD), *filters("safety")],
    )


def _number(name: str) -> Json:
    return stat(
        _NUMBER_IDS.get(name) or id_for(name),
        f"{name.replace('_', ' ').capitalize()}?",
        f"Spans that {name} failed in the time range; none where it could judge none.",
        f"SELECT if(countIf({name} IN ('pass', 'fail')) = 0, NULL, countIf({name} = 'fail')) AS failed"
        f" FROM spans\n{where()}",
        unit="short",
        steps=[(None, "green"), (1, ORANGE), (10, RED)],
        size=(6, 4),
    )


def _failures(columns: str) -> str:
    return f"""SELECT {columns}, v.1 AS classifier, evidence[v.1] AS evidence_text
  FROM (
    SELECT {columns}, evidence, {verdicts(_NAMES)} AS verdicts
    FROM spans
    {where(any_failed(_NAMES, selected=True))}
    ORDER BY start_time DESC
    LIMIT 20000
  )
  ARRAY JOIN verdicts AS v
  WHERE v.2 = 'fail' AND {chosen("v.1")}"""


def _kinds() -> Json:
    sql = f"""SELECT if({_KIND} = '', 'other', {_KIND}) AS kind, classifier, count() AS failures,
  max(start_time) AS last_seen, uniq(trace_id) AS traces, uniq(user_id) AS users
FROM (
  {_failures("trace_id, user_id, start_time")}
)
GROUP BY classifier, kind
ORDER BY failures DESC
LIMIT 50"""
    return table(
        7,
        "Which kinds are there?",
        "Failures by what was found, such as the kind of secret; the newest 20,000.",
        sql,
        [
            text("kind"),
            text("classifier", 130),
            count("failures", 75),
            time("last_seen"),
            count("traces", 70),
            count("users", 65),
        ],
        size=(12, 9),
        empty=_NOTHING,
    )


def _users() -> Json:
    sql = f"""SELECT user_id AS user, classifier, count() AS failures,
  argMax(trace_id, start_time) AS newest_trace, max(start_time) AS last_seen
FROM (
  {_failures("trace_id, user_id, start_time")}
)
WHERE user_id != ''
GROUP BY user, classifier
ORDER BY failures DESC
LIMIT 50"""
    return table(
        8,
        "Who is involved?",
        "Failures per user: who attacks, or whose data leaks. The link goes to the newest trace.",
        sql,
        [
            text("user"),
            text("classifier", 130),
            count("failures", 80),
            trace("newest_trace", 115, "newest trace"),
            time("last_seen"),
        ],
        size=(12, 9),
        empty=_NOTHING,
    )


def _sources() -> Json:
    # A leak names its source; an injection sits in the step that brought it in: the tool, or the
    # first document of a retrieval.
    source = f"""multiIf({_SOURCE} != '', {_SOURCE},
    tool_name != '', concat('tool ', tool_name),
    notEmpty(documents), concat('document ', if(JSONExtractString(documents[1], 'id') != '',
      JSONExtractString(documents[1], 'id'), substringUTF8(documents[1], 1, 60))),
    concat('step ', name))"""
    sql = f"""SELECT {source} AS source, classifier, count() AS failures,
  argMax(trace_id, start_time) AS newest_trace, max(start_time) AS last_seen, uniq(trace_id) AS traces
FROM (
  {_failures("trace_id, start_time, tool_name, documents, name")}
)
GROUP BY source, classifier
ORDER BY failures DESC
LIMIT 50"""
    return table(
        9,
        "Where does it come from?",
        "Failures by source: what the evidence names, else the tool, else the first document of "
        "the retrieval, else the step.",
        sql,
        [
            text("source"),
            text("classifier", 150),
            count("failures", 80),
            trace("newest_trace", 120, "newest trace"),
            time("last_seen"),
            count("traces", 75),
        ],
        size=(24, 8),
        empty=_NOTHING,
    )


def _newest() -> Json:
    columns = ["name AS step", "service_name AS service", "trace_id", "user_id AS user"]
    sql = newest_failures(
        _NAMES,
        columns,
        "name, service_name, trace_id, user_id",
        evidence="found",
    )
    sql = f"""SELECT time, classifier, {_MASKED.replace("evidence", "found", 1)} AS evidence, trace_id,
  user, step, service
FROM (
{sql}
)
ORDER BY time DESC"""
    return table(
        10,
        "What happened most recently?",
        "Failed safety verdicts with their evidence, newest first; secrets are masked.",
        sql,
        [
            time(),
            text("classifier", 140),
            text("evidence", wrap=True),
            trace(),
            text("user", 140),
            text("step", 170),
            text("service", 140),
        ],
        size=(24, 9),
        empty=_NOTHING,
    )
