"""The rows behind an alert: which condition an alert is about, and the rows that meet it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from alerting.enrich.budget import Budget
from alerting.notification import Alert
from alerting.whose import whose
from classify.custom.classifier_definition import is_name
from clickhouse.span import OUTCOMES
from grafana import conditions
from grafana.replay_command import ENTRY_ATTRIBUTE

_DEFAULT_WINDOW = 900
_LONGEST_WINDOW = 86_400
#: Steps of a trace that are looked at.
_MAX_STEPS = 5_000
#: Candidates that the best are chosen from.
MAX_CANDIDATES = 300
#: A trace may still be on its way when the rule fires.
_AFTER = timedelta(minutes=2)

Row = dict[str, Any]

COLUMNS = (
    "trace_id, span_id, parent_span_id, name, step_kind, start_time, duration_ms, status,"
    " error_type, status_message, model, prompt_name, prompt_version, session_id, user_id,"
    " service_name, service_version, environment, tool_name, input, output, cost_usd, code_file,"
    " code_line, code_function, code_revision, code_repository, evidence, id_reuse, project"
)
#: trace_id, id_reuse and project: what tells the traces apart whose ids come again.
Run = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for. ``condition``: SQL that a failing row meets; ``judged``: SQL of the rows
    that could have; ``order``: SQL, worst first; ``classifier``: '' for the operational kinds;
    ``own``: SQL that ends a condition on rows of the alert's project, '' for the operator's."""

    kind: str
    classifier: str
    condition: str
    judged: str
    order: str
    score: str
    parameters: dict[str, Any]
    window: tuple[datetime, datetime]
    own: str = ""


def window_of(alert: Alert, now: datetime) -> tuple[datetime, datetime]:
    """From before the alert began, as long as its rule looks back, to now or its end."""
    told = alert.annotations.get("window_seconds", "")
    seconds = int(told) if told.isdecimal() and len(told) < 10 else _DEFAULT_WINDOW
    back = timedelta(seconds=min(seconds, _LONGEST_WINDOW))
    end = min(now, alert.ends_at) if alert.status == "resolved" and alert.ends_at else now
    start = min(alert.starts_at if alert.says_since else end, end) - back
    earliest = end - timedelta(seconds=_LONGEST_WINDOW)
    return max(start, earliest).astimezone(UTC), (end + _AFTER).astimezone(UTC)


def question(
    alert: Alert, classifiers: Mapping[str, tuple[str, str]], now: datetime
) -> Question | None:
    """What the alert asks of the rows; None where no rows can answer it (a silent service, an alert
    of another system). ``classifiers``: name to the SQL of its label and of its score."""
    labels = alert.labels
    kind = labels.get("kind", "")
    window = window_of(alert, now)
    parameters: dict[str, Any] = {"start": window[0], "end": window[1]}
    scope = [conditions.PRODUCTION]
    for label, column in (
        ("service", "service_name"),
        ("environment", "environment"),
        ("model", "model"),
        ("tool", "tool_name"),
    ):
        if label in labels:
            parameters[label] = labels[label]
            scope.append(f"{column} = {{{label}:String}}")
    if "experiment" in labels and "variant" in labels:
        # 'alpha/checkout' in the project alpha.
        experiment = labels["experiment"].rpartition("/")[2]
        parameters |= {"experiment": experiment, "variant": labels["variant"]}
        scope.append("experiments[{experiment:String}] = {variant:String}")
    project = whose(labels)
    if project is not None:
        parameters["project"] = project
        scope.append("project = {project:String}")
    name = labels.get("classifier") or labels.get("metric", "")
    if kind == "classifier_broken":
        # It has no verdicts to look for.
        parameters["classifier"], name = name, ""
    score = "toFloat32(nan)"
    if name in classifiers:
        label, score = classifiers[name]
        outcome = labels.get("outcome", "")
        # What is none of ours would be SQL.
        of = conditions.verdict(name, label, score, kind, outcome if outcome in OUTCOMES else "")
    elif kind in conditions.OPERATIONAL:
        name, of = "", conditions.OPERATIONAL[kind]
    else:
        return None
    told = alert.annotations.get("window_of", "")
    time = told if told in conditions.TIMES else of.time
    scope.append(conditions.within(time, "{start:DateTime64(3)}", "{end:DateTime64(3)}"))
    within = " AND ".join(scope)
    return Question(
        kind or "fail_rate",
        name,
        f"{within} AND {of.failing}",
        f"{within} AND {of.judged}",
        of.order,
        score,
        parameters,
        window,
        "" if project is None else " AND project = {project:String}",
    )


def classifiers(client: Client, database: str, budget: Budget) -> dict[str, tuple[str, str]]:
    """Name to the SQL of label and score: columns, or of those that users added, map entries."""
    rows = _rows(
        client,
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'spans'",
        {"database": database},
        budget,
    )
    names = [row["name"] for row in rows]
    found = {name: (str(name), f"{name}_score") for name in names if f"{name}_score" in names}
    added = _rows(client, f"SELECT DISTINCT name FROM {database}.custom_classifiers", {}, budget)
    # A name that is none of ours would be SQL.
    custom = [row["name"] for row in added if is_name(row["name"])]
    return {name: (f"custom['{name}']", f"custom_scores['{name}']") for name in custom} | found


def threshold_of(
    client: Client, database: str, classifier: str, budget: Budget, project: str = ""
) -> float:
    """Of the deployed set, as it holds for the project; NaN where there is none."""
    if not classifier:
        return float("nan")
    # A project that has had a threshold of its own has sets of its own.
    rows = _rows(
        client,
        "SELECT JSONExtractFloat(arrayFirst(c -> JSONExtractString(c, 'name') = {name:String},"
        " JSONExtractArrayRaw(argMax(classifiers, (project != '', version)))), 'threshold')"
        " AS found"
        f" FROM (SELECT '' AS project, version, classifiers FROM {database}.classifier_sets"
        f" UNION ALL SELECT project, version, classifiers FROM {database}.project_sets"
        " WHERE project = {project:String})",
        {"name": classifier, "project": project},
        budget,
    )
    return float(rows[0]["found"] or "nan")


def counted(client: Client, database: str, asked: Question, budget: Budget) -> Row:
    """failing, traces, users, sessions, cost_usd, first and last of the failing rows; judged."""
    return _rows(
        client,
        f"SELECT countIf(c) AS failing, count() AS judged, uniqExactIf(trace_id, c) AS traces,"
        f" uniqExactIf(user_id, c AND user_id != '') AS users,"
        f" uniqExactIf(session_id, c AND session_id != '') AS sessions,"
        f" minIf(start_time, c) AS first, maxIf(start_time, c) AS last,"
        f" (SELECT sum(cost_usd) FROM {database}.spans WHERE start_time >="
        f" {{start:DateTime64(3)}} - INTERVAL {_LONGEST_WINDOW} SECOND"
        f" AND start_time <= {{end:DateTime64(3)}}{asked.own} AND trace_id IN (SELECT trace_id FROM"
        f" {database}.spans WHERE {asked.condition})) AS cost_usd"
        f" FROM (SELECT ({asked.condition}) AS c, trace_id, user_id, session_id, start_time"
        f" FROM {database}.spans WHERE {asked.judged})",
        asked.parameters,
        budget,
    )[0]


def candidates(client: Client, database: str, asked: Question, budget: Budget) -> list[Row]:
    """Failing rows, worst first, with ``score`` and ``said`` (the classifier's evidence, else the
    error); at most three of a trace."""
    said = (
        f"evidence['{asked.classifier}']"
        if asked.classifier
        else "if(status = 'error', concat(error_type,"
        " if(error_type = '' OR status_message = '', '', ': '), status_message),"
        " evidence['tool_call_error'])"
    )
    return _rows(
        client,
        f"SELECT {COLUMNS}, {asked.score} AS score, {said} AS said FROM {database}.spans"
        f" WHERE {asked.condition} ORDER BY {asked.order}"
        f" LIMIT 3 BY trace_id LIMIT {MAX_CANDIDATES}",
        asked.parameters,
        budget,
    )


def onset(client: Client, database: str, asked: Question, budget: Budget) -> datetime | None:
    """The first failing row after the last healthy hour of the past day."""
    end = asked.window[1]
    parameters = asked.parameters | {"start": end - timedelta(days=1)}
    rows = _rows(
        client,
        f"SELECT toStartOfInterval(start_time, INTERVAL 10 MINUTE) AS bucket,"
        f" countIf(c) AS failing, count() AS judged, minIf(start_time, c) AS first"
        f" FROM (SELECT ({asked.condition}) AS c, start_time FROM {database}.spans"
        f" WHERE {asked.judged}) GROUP BY bucket ORDER BY bucket DESC",
        parameters,
        budget,
    )
    found: datetime | None = None
    healthy = 0
    for row in rows:
        if row["failing"]:
            found, healthy = row["first"], 0
        elif found is not None and row["judged"]:
            healthy += 1
            # An hour of traffic without a failure.
            if healthy >= 6:
                break
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def steps_of(
    client: Client, database: str, rows: list[Row], budget: Budget
) -> dict[Run, list[Row]]:
    """What ``run_of`` says to all steps of that run in order, as the Trace dashboard has them."""
    if not rows:
        return {}
    first, last = min(r["start_time"] for r in rows), max(r["start_time"] for r in rows)
    found = _rows(
        client,
        f"SELECT trace_id, id_reuse, project, span_id, parent_span_id, name, step_kind, start_time,"
        f" code_file, code_line, code_function, code_revision, code_repository, prompt_version,"
        f" model, cost_usd, documents, tool_name, status, error_type, status_message,"
        f" resource_attributes['{ENTRY_ATTRIBUTE}'] AS entry"
        f" FROM {database}.spans WHERE trace_id IN {{ids:Array(String)}}"
        f" AND start_time >= {{start:DateTime64(3)}} AND start_time <= {{end:DateTime64(3)}}"
        f" ORDER BY trace_id, start_time, span_id"
        f" LIMIT {_MAX_STEPS} BY trace_id, id_reuse, project",
        {
            "ids": sorted({r["trace_id"] for r in rows}),
            "start": first - timedelta(seconds=_LONGEST_WINDOW),
            "end": last + timedelta(seconds=_LONGEST_WINDOW),
        },
        budget,
    )
    traces: dict[Run, list[Row]] = {}
    for row in found:
        traces.setdefault(run_of(row), []).append(row)
    return traces


def run_of(row: Row) -> Run:
    """The trace that a row is of."""
    return row["trace_id"], row["id_reuse"], row["project"]


def timed(sql: str, budget: Budget) -> str:
    """The statement with what is left of the budget, as a number: the embedded port takes no
    parameter among the settings. Raises OverBudgetError."""
    return f"{sql} SETTINGS max_execution_time = {budget.left():.6f}"


def _rows(client: Client, sql: str, parameters: dict[str, Any], budget: Budget) -> list[Row]:
    answer = client.query(timed(sql, budget), parameters=parameters)
    return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]
