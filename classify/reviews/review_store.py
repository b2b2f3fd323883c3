"""Answers of people on verdicts: written once, never changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client
from everyspan.masking.mask import masked

from classify.registry import BUILT_IN
from clickhouse.embedded_http.settings import quote
from service.errors import UserError

#: 'right' and 'wrong' are said of the verdict; 'unsure': can't say; '' takes an answer back.
ANSWERS = ("right", "wrong", "unsure", "")
#: Who answers: a person, or a teacher (teacher.py), whose answers are read only where they are
#: asked for.
KINDS = ("person", "teacher")
CHOSEN = ("random", "near", "asked")
_MOST_SHOWN = 4000
_LABELS = ("pass", "fail")


class ReviewError(UserError):
    """This can't be reviewed; the text says why, and what can."""


@dataclass(slots=True, frozen=True)
class Review:
    """The newest answer of one reviewer on one verdict. ``score``: NaN where there was none."""

    classifier: str
    trace_id: str
    span_id: str
    answer: str
    label: str
    score: float
    chosen: str
    reviewer: str
    service_name: str
    reviewed_at: datetime

    @property
    def fails(self) -> bool | None:
        """Whether the step fails, as the reviewer sees it; None where that was not said."""
        if self.answer not in ("right", "wrong"):
            return None
        return (self.label == "fail") == (self.answer == "right")


def add(
    client: Client,
    database: str,
    classifier: str,
    trace_id: str,
    span_id: str,
    answer: str,
    *,
    reviewer: str = "",
    chosen: str = "asked",
    kind: str = "person",
    project: str | None = None,
) -> Review:
    """Keep an answer with the verdict as it stands. ``project``: the only one whose rows are there;
    None for all. Raises ReviewError where the row is gone or has no verdict of this classifier."""
    if answer not in ANSWERS:
        raise ReviewError(f"answer '{answer[:40]}': say right, wrong or unsure")
    label, score = _verdict_of(classifier)
    rows = client.query(
        f"SELECT toString({label}) AS label, {score} AS score, verdict_version, custom_version,"
        " evidence[{classifier:String}] AS evidence, substringUTF8(input, 1, 2000) AS input,"
        " substringUTF8(output, 1, 2000) AS output, service_name, project, start_time"
        f" FROM {database}.spans WHERE trace_id = {{trace:String}} AND span_id = {{span:String}}"
        f"{_of(project)} ORDER BY id_reuse DESC, project LIMIT 1",
        parameters={"classifier": classifier, "trace": trace_id, "span": span_id},
        query_formats={"DateTime64": "int"},
    )
    if not rows.result_rows:
        raise ReviewError(
            f"span {span_id[:40]} of trace {trace_id[:40]} is not stored (any more), so there is "
            "nothing to say of it; go on with the next"
        )
    found: dict[str, Any] = dict(zip(rows.column_names, rows.result_rows[0], strict=True))
    if found["label"] not in _LABELS:
        raise ReviewError(
            f"{classifier[:80]} says nothing of this span ({found['label'] or 'not judged yet'}): "
            "only pass and fail can be right or wrong"
        )
    shown = json.dumps(
        {"input": masked(found["input"]), "output": masked(found["output"])}, ensure_ascii=False
    )
    columns: dict[str, Any] = {
        "classifier": classifier,
        "trace_id": trace_id,
        "span_id": span_id,
        "answer": answer,
        "label": found["label"],
        "score": found["score"],
        "verdict_version": found["verdict_version"],
        "custom_version": found["custom_version"],
        "evidence": found["evidence"],
        "shown": shown[:_MOST_SHOWN].encode("utf-8", "replace").decode(),
        "chosen": chosen if chosen in CHOSEN else "asked",
        "reviewer": reviewer[:200],
        "kind": kind,
        "service_name": found["service_name"],
        "project": found["project"],
        "start_time": found["start_time"],
    }
    client.insert(
        "reviews", [list(columns.values())], column_names=list(columns), database=database
    )
    whose = found["project"]
    kept = read(client, database, classifier, with_undone=True, kind=kind, project=whose)
    return [
        each
        for each in kept
        if (each.trace_id, each.span_id, each.reviewer) == (trace_id, span_id, reviewer[:200])
    ][-1]


def read(
    client: Client,
    database: str,
    classifier: str = "",
    *,
    with_undone: bool = False,
    kind: str = "person",
    project: str | None = None,
) -> list[Review]:
    """The newest answers of people, or of teachers, oldest first. ``project``: None for all."""
    sql = statement(database, classifier, with_undone, kind, project)
    return [review(row) for row in client.query(sql).result_rows]


def statement(
    database: str,
    classifier: str = "",
    with_undone: bool = False,
    kind: str = "person",
    project: str | None = None,
) -> str:
    """SQL of the newest answers of people, or of teachers. ``project``: None for all."""
    where = f"WHERE kind = {quote(kind)}{_of(project)}"
    where += f" AND classifier = {quote(classifier)}" if classifier else ""
    having = "" if with_undone else "HAVING newest.1 != ''"
    return (
        "SELECT classifier, trace_id, span_id, argMax((answer, label, score, chosen, service_name),"
        " reviewed_at) AS newest, reviewer, max(reviewed_at) AS at"
        f" FROM {database}.reviews {where}"
        f" GROUP BY classifier, project, trace_id, span_id, reviewer {having} ORDER BY at"
    )


def _of(project: str | None) -> str:
    return "" if project is None else f" AND project = {quote(project)}"


def review(row: Sequence[Any]) -> Review:
    """From a row of ``statement``."""
    classifier, trace_id, span_id, newest, reviewer, at = row
    answer, label, score, chosen, service = newest
    return Review(
        classifier, trace_id, span_id, answer, label, score, chosen, reviewer, service, at
    )


def settled(reviews: Sequence[Review]) -> dict[tuple[str, str], tuple[Review, bool]]:
    """(trace, span) to a review of it and whether it fails, as most of its reviewers see it; a row
    on which as many say one as the other is left out."""
    votes: dict[tuple[str, str], list[Review]] = {}
    for each in reviews:
        if each.fails is not None:
            votes.setdefault((each.trace_id, each.span_id), []).append(each)
    found = {}
    for key, some in votes.items():
        fails = sum(bool(each.fails) for each in some)
        if 2 * fails != len(some):
            found[key] = (some[-1], 2 * fails > len(some))
    return found


def contradicted(reviews: Sequence[Review]) -> int:
    """Rows of which reviewers say both."""
    votes: dict[tuple[str, str], set[bool]] = {}
    for each in reviews:
        if each.fails is not None:
            votes.setdefault((each.trace_id, each.span_id), set()).add(each.fails)
    return sum(len(each) > 1 for each in votes.values())


def _verdict_of(classifier: str) -> tuple[str, str]:
    """SQL of label and score."""
    if classifier in {each.name for each in BUILT_IN}:
        return classifier, f"{classifier}_score"
    name = quote(classifier)
    return f"custom[{name}]", f"if(mapContains(custom_scores, {name}), custom_scores[{name}], nan)"
