"""`/traces/ID`: what happened? The rows of one trace, as a tree in time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite, nan
from typing import Any

from grafana.build.sql import classifiers, verdicts
from grafana.replay_command import ENTRY_ATTRIBUTE, replay_command, replay_note
from service.moments import utc
from web.reader import Reader, Row
from web.sql import at, literal, literals
from web.when import AddressError

_ID = re.compile(r"[0-9a-f]{4,32}")
#: What the tree needs of every step: nothing that is long.
_LIGHT = (
    "trace_id, span_id, parent_span_id, session_id, user_id, service_name, environment, name,"
    " step_kind, start_time, duration_ms, status, error_type, model, input_tokens, output_tokens,"
    " cost_usd, prompt_name, prompt_version, agent_name, tool_name, verdict_version, unjudged,"
    f" text_removed, twin_of, replay_of, id_reuse, project, resource_attributes['{ENTRY_ATTRIBUTE}'] AS entry"
)
#: What is read of a step that is shown. Texts come cut, with their whole length beside them.
_TEXTS = ("input", "output", "input_messages", "output_messages", "system_instructions",
          "status_message", "tool_definitions", "events", "links")  # fmt: skip
#: Characters of one text that are read: messages are JSON, which a cut makes unreadable.
MOST_READ = 400_000
_MOST_DOCUMENTS = 50
_MOST_ATTRIBUTES = 300
_MOST_VALUE = 4000
MOST_STEPS = 50_000
#: The view ``spans`` without its hundred columns, which take longer to plan than a trace to read.
_SPANS = "spans_raw FINAL"


@dataclass(slots=True, frozen=True)
class Verdict:
    """``score``: NaN where there is none. ``said``: the evidence."""

    classifier: str
    label: str
    score: float
    said: str = ""

    @property
    def has_score(self) -> bool:
        """Whether it is a number."""
        return isfinite(self.score)


@dataclass(slots=True)
class Step:
    """A row. ``number``: from 1, by start. ``depth``: 0 at the top. ``left``, ``width``: of the
    waterfall's 1000. ``content``: what is read of it where it is shown, {} else."""

    number: int
    row: Row
    verdicts: list[Verdict]
    depth: int = 0
    left: float = 0.0
    width: float = 0.0
    children: int = 0
    content: Row = field(default_factory=dict)

    @property
    def failures(self) -> list[Verdict]:
        """Verdicts that failed."""
        return [each for each in self.verdicts if each.label == "fail"]

    @property
    def is_failing(self) -> bool:
        """Whether a classifier or the step itself says so."""
        return bool(self.failures) or self.row["status"] == "error"

    @property
    def is_judged(self) -> bool:
        """Whether all have looked at it."""
        return bool(self.row["verdict_version"]) and not self.row["unjudged"]


@dataclass(slots=True)
class Trace:
    """``steps``: of one run, by start. ``tree``: the same in the tree's order. ``runs``: how many
    used these ids; ``run`` from 1."""

    trace_id: str
    steps: list[Step]
    tree: list[Step]
    run: int
    runs: int

    @property
    def failing(self) -> list[Step]:
        """Steps that failed, by start."""
        return [step for step in self.steps if step.is_failing]

    @property
    def first_failing(self) -> Step | None:
        """The step to look at: the first with a failed verdict, else with an error."""
        judged = [step for step in self.steps if step.failures]
        return next(iter(judged or self.failing), None)

    @property
    def started(self) -> Any:
        """Of its first step."""
        return self.steps[0].row["start_time"]

    @property
    def duration_ms(self) -> float:
        """From the first start to the last end."""
        first = self.started
        return float(
            max(
                (step.row["start_time"] - first).total_seconds() * 1000 + step.row["duration_ms"]
                for step in self.steps
            )
        )

    @property
    def cost(self) -> float | None:
        """Of its model calls, None where none is known."""
        known = [s.row["cost_usd"] for s in self.steps if s.row["cost_usd"] is not None]
        return sum(known) if known else None

    @property
    def tokens(self) -> int:
        """Both ways."""
        return sum((s.row["input_tokens"] or 0) + (s.row["output_tokens"] or 0) for s in self.steps)

    def first(self, column: str) -> str:
        """Its first value that is not empty."""
        return next((str(s.row[column]) for s in self.steps if s.row[column]), "")

    def replay(self, step: int) -> tuple[str, str]:
        """The command that runs it again from a step, and what to mind."""
        return replay_command(self.trace_id, step), replay_note(self.first("entry"))


def find(reader: Reader, wanted: str) -> str:
    """The whole id of the one trace that begins so; one that is whole is not looked for. Raises
    AddressError."""
    given = wanted.strip().lower()
    if not _ID.fullmatch(given):
        raise AddressError(f"a trace's id is 4 to 32 hex digits, not '{wanted[:40]}'")
    if len(given) == 32:
        return given
    rows = reader.rows(
        "SELECT DISTINCT trace_id FROM spans_raw"
        f" WHERE startsWith(trace_id, {literal(given)}) LIMIT 6"
    )
    if not rows:
        raise NotStoredError(given)
    if len(rows) > 1:
        raise AddressError(
            f"several traces begin with {given}; give more digits: "
            + ", ".join(row["trace_id"] for row in rows[:5])
        )
    return str(rows[0]["trace_id"])


class NotStoredError(AddressError):
    """There is no such trace, or no such step of it."""

    def __init__(self, trace_id: str, span_id: str = "") -> None:
        what = f"step {span_id} of trace {trace_id}" if span_id else f"trace {trace_id}"
        super().__init__(
            f"no {what} is stored: it may be older than EVERYSPAN_RETENTION_DAYS, or not have been"
            " sent here"
        )


def load(reader: Reader, trace_id: str, run: int = 0) -> Trace:
    """``run``: from 1; 0 for the first that failed, else the last. Raises NotStoredError."""
    # When it was is quick to ask of every day; all the columns then only of its own.
    (times,) = reader.rows(
        "SELECT min(start_time) AS first, max(start_time) AS last FROM spans_raw"
        f" WHERE trace_id = {literal(trace_id)}"
    )
    rows = reader.rows(
        f"SELECT {_LIGHT}, {verdicts(classifiers())} AS verdicts, evidence FROM {_SPANS}"
        f" WHERE trace_id = {literal(trace_id)} AND {_between(times['first'], times['last'])}"
        f" ORDER BY start_time, span_id LIMIT {MOST_STEPS}"
    )
    if not rows:
        raise NotStoredError(trace_id)
    runs = sorted({row["id_reuse"] for row in rows})
    traces = [
        _of(trace_id, [row for row in rows if row["id_reuse"] == each], i, len(runs))
        for i, each in enumerate(runs, 1)
    ]
    if 1 <= run <= len(traces):
        return traces[run - 1]
    return next((each for each in traces if each.first_failing), traces[-1])


def contents(reader: Reader, trace: Trace, steps: Sequence[Step]) -> None:
    """Reads what these steps said."""
    if not steps:
        return
    texts = ", ".join(
        f"substringUTF8({name}, 1, {MOST_READ}) AS {name}_, lengthUTF8({name}) AS {name}_length"
        for name in _TEXTS
    )
    times = [step.row["start_time"] for step in steps]
    rows = reader.rows(
        f"SELECT span_id, {texts},"
        f" arrayMap(d -> substringUTF8(d, 1, {MOST_READ // 10}), arraySlice(documents, 1, {_MOST_DOCUMENTS})) AS documents_,"
        " length(documents) AS documents_length, document_scores,"
        " code_file, code_line, code_function, code_revision, code_repository, service_version,"
        " provider, cached_input_tokens, reasoning_tokens, experiment, variant, feedback,"
        " scope_name, scope_version, convention, response_id, ingested_at, verdict_at,"
        f" {_map('attributes')}, {_map('resource_attributes')}"
        f" FROM {_SPANS} WHERE trace_id = {literal(trace.trace_id)} AND {_between(min(times), max(times))}"
        f" AND span_id IN ({literals([s.row['span_id'] for s in steps])})"
        f" AND id_reuse = {steps[0].row['id_reuse']:d}"
    )
    found = {row["span_id"]: row for row in rows}
    for step in steps:
        row = found.get(step.row["span_id"], {})
        step.content = {name.removesuffix("_"): value for name, value in row.items()}


def _between(first: datetime, last: datetime) -> str:
    """Nanoseconds are cut off on the way here."""
    second = timedelta(seconds=1)
    return f"start_time BETWEEN {at(utc(first) - second)} AND {at(utc(last) + second)}"


def text_of(reader: Reader, trace_id: str, span_id: str, column: str, most: int) -> str:
    """One text of one step, for "show all". Raises AddressError."""
    if column not in _TEXTS:
        raise AddressError(f"there is no text '{column[:40]}'; there are {', '.join(_TEXTS)}")
    rows = reader.rows(
        f"SELECT substringUTF8({column}, 1, {most}) AS text FROM spans WHERE trace_id ="
        f" {literal(trace_id)} AND span_id = {literal(span_id)} ORDER BY id_reuse DESC LIMIT 1"
    )
    if not rows:
        raise NotStoredError(trace_id, span_id)
    return str(rows[0]["text"])


def _map(column: str) -> str:
    return (
        f"arrayMap((k, v) -> (toString(k), substringUTF8(v, 1, {_MOST_VALUE})),"
        f" arraySlice(mapKeys({column}), 1, {_MOST_ATTRIBUTES}),"
        f" arraySlice(mapValues({column}), 1, {_MOST_ATTRIBUTES})) AS {column}_"
    )


def _of(trace_id: str, rows: list[Row], run: int, runs: int) -> Trace:
    steps = []
    for number, row in enumerate(rows, 1):
        said = row["evidence"]
        found = [
            Verdict(name, label, nan if score is None else score, said.get(name, ""))
            for name, label, score in row["verdicts"]
            if label
        ]
        steps.append(Step(number, row, found))
    _place(steps)
    return Trace(trace_id, steps, _tree(steps), run, runs)


def _place(steps: list[Step]) -> None:
    """Along the waterfall."""
    first = steps[0].row["start_time"]
    starts = [(step.row["start_time"] - first).total_seconds() * 1000 for step in steps]
    lengths = [max(0.0, float(step.row["duration_ms"])) for step in steps]
    whole = max(s + d for s, d in zip(starts, lengths, strict=True)) or 1.0
    for step, start, length in zip(steps, starts, lengths, strict=True):
        step.width = max(4.0, round(1000 * length / whole, 1))
        step.left = min(1000 - step.width, round(1000 * start / whole, 1))


def _tree(steps: list[Step]) -> list[Step]:
    """Steps under their parents; those whose parent never came stand at the top, and so does one of
    each circle."""
    by_id = {step.row["span_id"]: step for step in steps}
    children: dict[str, list[Step]] = {}
    tops: list[Step] = []
    for step in steps:
        parent = step.row["parent_span_id"]
        if parent in by_id and by_id[parent] is not step:
            children.setdefault(parent, []).append(step)
        else:
            tops.append(step)
    ordered: list[Step] = []
    seen: set[int] = set()
    left = iter(steps)
    # A list of our own: a trace may be deeper than Python's stack.
    todo = [(step, 0) for step in reversed(tops)]
    while len(ordered) < len(steps):
        if not todo:
            todo.append((next(step for step in left if step.number not in seen), 0))
        step, depth = todo.pop()
        if step.number in seen:
            continue
        seen.add(step.number)
        step.depth = depth
        below = children.get(step.row["span_id"], [])
        step.children = len(below)
        ordered.append(step)
        todo.extend((child, depth + 1) for child in reversed(below))
    return ordered
