"""One failing row as people read it: masked, with its place in the trace, its code and its fix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from everyspan.masking.mask import masked

from alerting.case import Failure, Source
from alerting.enrich.find import Question, Row
from grafana.failing_step import failing_step, own_code
from grafana.replay_command import replay_command, replay_note

_MOST_EVIDENCE = 300
#: Characters of a line of source.
_MOST_CODE = 200
#: A line of a PEM key: base64 and nothing else.
_KEY_LINE = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{60,80}(?![A-Za-z0-9+/=])")

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY")
#: The last line of a key: nothing but base64, however it is quoted.
_BASE64 = re.compile(r"^[\s\"'>|+(]{0,40}[A-Za-z0-9+/]{4,80}={0,2}(?:\\[nr])?[\s\"'),;]{0,8}$")


def failure_of(
    row: Row,
    similar: int,
    steps: list[Row],
    asked: Question,
    threshold: float,
    grafana_url: str,
    web_url: str,
    source: Source | None,
    fix: str,
) -> Failure:
    """``steps``: of the row's run, in order; [] where they are not known."""
    number = step_number(row, steps)
    entry = next((s["entry"] for s in steps if s["entry"]), "")
    return Failure(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        trace_url=_trace_url(grafana_url, web_url, row, number),
        step=number,
        steps=len(steps),
        step_name=told(row["name"]),
        step_kind=row["step_kind"],
        classifier=asked.classifier,
        score=float(row["score"]),
        threshold=threshold,
        evidence=_evidence(row),
        start_time=_aware(row["start_time"]),
        similar=similar,
        model=told(row["model"]),
        prompt_version=_prompt(row, steps),
        session_id=told(row["session_id"]),
        user_id=told(row["user_id"]),
        cost_usd=sum(s["cost_usd"] or 0.0 for s in steps) or None,
        source=source,
        suggested_fix=fix,
        replay_command=replay_command(row["trace_id"], number),
        replay_note=replay_note(entry) if steps else "",
    )


def facts_of(row: Row, similar: int, steps: list[Row]) -> Mapping[str, str]:
    """What the playbook may speak of."""
    code = code_of(row, steps)
    name = told(row["name"])
    version = _prompt(row, steps)
    documents = [doc for step in steps for doc in step["documents"]]
    return {
        "service": told(row["service_name"]),
        "environment": told(row["environment"]),
        "step": str(step_number(row, steps) or "?"),
        "steps": str(len(steps) or "?"),
        "step_name": name,
        "step_kind": row["step_kind"],
        "tool": told(row["tool_name"]) or name,
        "model": told(row["model"]) or "the model",
        # As a sentence says it: few agents send a version.
        "prompt": f"prompt {told(version)}" if version else "the prompt",
        "evidence": _evidence(row).rstrip(". ") or "no evidence",
        "code": f"{code['code_file']}:{code['code_line']}" if code else "the step's code",
        "trace_id": row["trace_id"],
        "documents": str(len(documents)),
        "count": str(similar),
    }


def at_fault(row: Row, steps: list[Row]) -> Row:
    """The step whose error the row passes on, with what else is known of the row; the row itself
    where no step below it failed."""
    step = failing_step(row, steps)
    if step is row or step["span_id"] == row["span_id"]:
        return row
    said = ": ".join(filter(None, (step["error_type"], step["status_message"])))
    return {**row, **step, "said": said or row["said"]}


def step_number(row: Row, steps: list[Row]) -> int:
    """Counted from 1; 0 where it is not known."""
    return next((i for i, s in enumerate(steps, 1) if s["span_id"] == row["span_id"]), 0)


def code_of(row: Row, steps: list[Row]) -> Row | None:
    """The step, or its nearest ancestor, that says where it is in somebody's own code."""
    found = own_code(row, steps)
    return dict(found) if found is not None else None


def told(text: str | None) -> str:
    """What a span says, masked, as one line: none of its own may begin in a message."""
    return " ".join(masked(text or "").split())


def masked_source(found: Source) -> Source:
    """Code has keys and addresses in it too, and a pager has more readers than a repository."""
    change = found.change and replace(found.change, summary=masked(found.change.summary))
    lines: list[tuple[int, str]] = []
    within = False
    for number, line in found.lines:
        # Line by line, for their numbers: a private key is all of its lines, the last of which is
        # shorter, and the window may begin in the middle of one.
        begins, ends = bool(_KEY_BEGINS.search(line)), "-----END" in line
        is_key = bool(_KEY_LINE.search(line))
        if within and not begins and not ends and (is_key or _BASE64.search(line)):
            lines.append((number, "…"))
        else:
            lines.append((number, masked(_KEY_LINE.sub("…", line))[:_MOST_CODE]))
        within = begins or (within and not ends) or is_key
    return replace(found, lines=tuple(lines), change=change)


def _evidence(row: Row) -> str:
    return told(row["said"])[:_MOST_EVIDENCE]


def _prompt(row: Row, steps: list[Row]) -> str:
    own = str(row["prompt_version"] or "")
    return own or next((str(s["prompt_version"]) for s in steps if s["prompt_version"]), "")


def _trace_url(grafana: str, page: str, row: Row, step: int) -> str:
    """In Grafana, else on the page, at the step."""
    if grafana:
        moment = int(_aware(row["start_time"]).timestamp() * 1000)
        hour = 3_600_000
        query = urlencode(
            {"var-trace_id": row["trace_id"], "from": moment - hour, "to": moment + hour}
        )
        return f"{grafana.rstrip('/')}/d/everyspan-trace?{query}"
    if page and step:
        return f"{page.rstrip('/')}/traces/{row['trace_id']}?step={step}#step-{step}"
    return f"{page.rstrip('/')}/traces/{row['trace_id']}" if page else ""


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
