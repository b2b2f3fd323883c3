"""An alert and what is behind it: the one function that the pipeline calls."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from clickhouse_connect.driver.client import Client

from alerting.case import Case, Failure, Source
from alerting.enrich.choose import chosen
from alerting.enrich.find import (
    Question,
    Row,
    candidates,
    counted,
    onset,
    question,
    run_of,
    steps_of,
    window_of,
)
from alerting.enrich.playbook import Playbook, read_playbook, suggested
from alerting.enrich.source_code import Root, read_roots, source
from alerting.enrich.what_changed import what_changed
from alerting.enrich.writer import worded
from alerting.notification import Alert
from alerting.settings import AlertingSettings
from classify.custom.classifier_definition import is_name
from classify.personal_data.masking import masked
from grafana.replay_command import replay_command, replay_note

log = logging.getLogger(__name__)

_MOST_EVIDENCE = 300
#: Characters of a line of source.
_MOST_CODE = 200
#: A line of a PEM key: base64 and nothing else.
_KEY_LINE = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{60,80}(?![A-Za-z0-9+/=])")


@dataclass(frozen=True, slots=True)
class Tools:
    """What enrichment needs beside the database. Raises RootsError and PlaybookError when made."""

    settings: AlertingSettings
    roots: list[Root]
    playbook: Playbook

    @classmethod
    def of(cls, settings: AlertingSettings) -> Tools:
        return cls(settings, read_roots(settings.source_roots), read_playbook(settings.playbook))


def enrich(alert: Alert, connect: Callable[[], Client], tools: Tools, now: datetime) -> Case:
    """Never raises: what can't be looked up is said in ``unenriched``."""
    labels = alert.labels
    case = Case(
        labels.get("service", ""),
        labels.get("environment", ""),
        labels.get("classifier", ""),
        labels.get("kind", ""),
        window_of(alert, now),
        links=_links(alert),
    )
    try:
        client = connect()
    except Exception as error:
        return _without(case, f"ClickHouse is away: {error}")
    try:
        return _enriched(case, alert, client, tools, now)
    except Exception as error:
        log.warning("an alert goes out without its traces", exc_info=True)
        return _without(case, f"{type(error).__name__}: {error}")
    finally:
        client.close()


def _enriched(case: Case, alert: Alert, client: Client, tools: Tools, now: datetime) -> Case:
    settings = tools.settings
    database, seconds = settings.database, settings.enrich_seconds
    deadline = time.monotonic() + seconds
    names = _classifiers(client, database)
    asked = question(alert, names, now)
    if asked is None:
        return _without(case, "this alert is not about single steps")
    facts = counted(client, database, asked, seconds)
    rows = candidates(client, database, asked, seconds)
    picked = chosen(rows)
    steps = steps_of(client, database, [row for row, _ in picked], seconds)
    since = onset(client, database, asked, seconds) if time.monotonic() < deadline else None
    changed: list[str] = []
    compares = asked.classifier or asked.kind in ("error_rate", "tool_failure")
    if compares and time.monotonic() < deadline:
        changed = what_changed(client, database, asked, since, seconds)
    threshold = _threshold(client, database, asked.classifier)
    failures = tuple(
        _failure(row, count, steps.get(run_of(row), []), asked, threshold, tools)
        for row, count in picked
    )
    return Case(
        case.service,
        case.environment,
        case.classifier,
        case.kind,
        asked.window,
        int(facts["failing"]),
        int(facts["judged"]),
        int(facts["traces"]),
        int(facts["users"]),
        int(facts["sessions"]),
        facts["cost_usd"],
        since,
        failures,
        tuple(changed),
        case.links,
    )


def _failure(
    row: Row, similar: int, steps: list[Row], asked: Question, threshold: float, tools: Tools
) -> Failure:
    number = next((i for i, s in enumerate(steps, 1) if s["span_id"] == row["span_id"]), 0)
    code = _code(row, steps)
    found = (
        source(
            code["code_file"],
            int(code["code_line"]),
            code["code_function"],
            code["code_revision"],
            code["code_repository"],
            tools.roots,
        )
        if code
        else None
    )
    evidence = _told(row["said"])[:_MOST_EVIDENCE]
    name, model = _told(row["name"]), _told(row["model"])
    documents = [doc for step in steps for doc in step["documents"]]
    facts: dict[str, str] = {
        "service": _told(row["service_name"]),
        "environment": _told(row["environment"]),
        "step": str(number or "?"),
        "steps": str(len(steps) or "?"),
        "step_name": name,
        "step_kind": row["step_kind"],
        "tool": _told(row["tool_name"]) or name,
        "model": model or "the model",
        "prompt": _prompt(row, steps),
        "evidence": evidence.rstrip(". ") or "no evidence",
        "code": f"{code['code_file']}:{code['code_line']}" if code else "the step's code",
        "trace_id": row["trace_id"],
        "documents": str(len(documents)),
        "count": str(similar),
    }
    fix = suggested(tools.playbook, asked.classifier or asked.kind, facts)
    entry = next((s["entry"] for s in steps if s["entry"]), "")
    return Failure(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        trace_url=_trace_url(tools.settings.grafana_url, row["trace_id"], row["start_time"]),
        step=number,
        steps=len(steps),
        step_name=name,
        step_kind=row["step_kind"],
        classifier=asked.classifier,
        score=float(row["score"]),
        threshold=threshold,
        evidence=evidence,
        start_time=_aware(row["start_time"]),
        similar=similar,
        model=model,
        prompt_version=_prompt(row, steps),
        session_id=_told(row["session_id"]),
        user_id=_told(row["user_id"]),
        cost_usd=sum(s["cost_usd"] or 0.0 for s in steps) or None,
        source=_masked_source(found),
        suggested_fix=worded(tools.settings, facts, fix),
        replay_command=replay_command(row["trace_id"], number),
        replay_note=replay_note(entry),
    )


def _told(text: str | None) -> str:
    """What a span says, masked, as one line: none of its own may begin in a message."""
    return " ".join(masked(text or "").split())


def _masked_source(found: Source | None) -> Source | None:
    """Code has keys and addresses in it too, and a pager has more readers than a repository."""
    if found is None:
        return None
    change = found.change and replace(found.change, summary=masked(found.change.summary))
    # Line by line: a key over several lines would lose its line numbers.
    lines = tuple(
        (number, masked(_KEY_LINE.sub("…", text))[:_MOST_CODE]) for number, text in found.lines
    )
    return replace(found, lines=lines, change=change)


def _code(row: Row, steps: list[Row]) -> Row | None:
    """The step, or its nearest ancestor, that says where it is in the code."""
    by_id = {step["span_id"]: step for step in steps}
    seen: set[str] = set()
    at: Row | None = row
    while at is not None and at["span_id"] not in seen:
        if at["code_file"]:
            return at
        seen.add(at["span_id"])
        at = by_id.get(at["parent_span_id"])
    return None


def _prompt(row: Row, steps: list[Row]) -> str:
    own = str(row["prompt_version"] or "")
    return own or next((str(s["prompt_version"]) for s in steps if s["prompt_version"]), "")


def _classifiers(client: Client, database: str) -> dict[str, tuple[str, str]]:
    """Name to the SQL of label and score: columns, or of those that users added, map entries."""
    names = [
        name
        for (name,) in client.query(
            "SELECT name FROM system.columns WHERE database = {database:String}"
            " AND table = 'spans'",
            parameters={"database": database},
        ).result_rows
    ]
    found = {name: (str(name), f"{name}_score") for name in names if f"{name}_score" in names}
    added = client.query(f"SELECT DISTINCT name FROM {database}.custom_classifiers").result_rows
    # A name that is none of ours would be SQL.
    custom = [name for (name,) in added if is_name(name)]
    return {name: (f"custom['{name}']", f"custom_scores['{name}']") for name in custom} | found


def _threshold(client: Client, database: str, classifier: str) -> float:
    """Of the deployed set; NaN where there is none."""
    if not classifier:
        return float("nan")
    rows: Any = client.query(
        "SELECT arrayFirst(c -> JSONExtractString(c, 'name') = {name:String},"
        " JSONExtractArrayRaw(argMax(classifiers, version))) AS found"
        f" FROM {database}.classifier_sets",
        parameters={"name": classifier},
    ).result_rows
    try:
        return float(orjson.loads(rows[0][0])["threshold"])
    except (IndexError, KeyError, TypeError, orjson.JSONDecodeError):
        return float("nan")


def _trace_url(grafana: str, trace_id: str, at: datetime) -> str:
    if not grafana:
        return ""
    moment = int(_aware(at).timestamp() * 1000)
    hour = 3_600_000
    query = urlencode({"var-trace_id": trace_id, "from": moment - hour, "to": moment + hour})
    return f"{grafana.rstrip('/')}/d/everyspan-trace?{query}"


def _links(alert: Alert) -> tuple[tuple[str, str], ...]:
    found = (
        ("panel", alert.panel_url),
        ("image", alert.image_url),
        ("dashboard", alert.dashboard_url),
        ("rule", alert.generator_url),
        ("silence", alert.silence_url),
        ("runbook", alert.annotations.get("runbook_url", "")),
    )
    return tuple((name, url) for name, url in found if url.startswith(("http://", "https://")))


def _without(case: Case, why: str) -> Case:
    return Case(
        case.service,
        case.environment,
        case.classifier,
        case.kind,
        case.window,
        links=case.links,
        unenriched=why[:300],
    )


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
