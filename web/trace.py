"""`/traces/ID`: what happened? The rows of one trace, as a tree in time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

from grafana.build.sql import CUSTOM, classifiers, columns
from grafana.replay_command import ENTRY_ATTRIBUTE, replay_command, replay_note
from web.reader import Reader, Row
from web.when import AddressError

_ID = re.compile(r"[0-9a-f]{4,32}")
#: What the tree needs of every step: nothing that is long, and plain columns, as each expression
#: takes the engine as long to plan as some columns to read.
_LIGHT = (
    "toUnixTimestamp64Nano(start_time) AS nanoseconds, trace_id, span_id, parent_span_id, session_id, user_id, service_name, environment, name,"
    " step_kind, start_time, duration_ms, status, error_type, model, input_tokens, output_tokens,"
    " cost_usd, prompt_name, prompt_version, agent_name, tool_name, verdict_version, unjudged,"
    f" text_removed, twin_of, replay_of, id_reuse, project, resource_attributes['{ENTRY_ATTRIBUTE}'] AS entry, evidence"
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
#: Steps of a trace that is read in one question, with all that they said.
_SHORT = 30
#: The view ``spans`` without its hundred columns, which take longer to plan than a trace to read.
#: The id is of the key, so that FINAL may come after it; all else is read of its rows alone. No WHERE
#: beside it: what a project's key reads are views, which have one place for both.
_OF_TRACE = "spans_raw FINAL PREWHERE trace_id = {trace:String}"
#: Shown beside the texts.
_SIMPLE = (
    "document_scores", "code_file", "code_line", "code_function", "code_revision",
    "code_repository", "service_version", "provider", "cached_input_tokens", "reasoning_tokens",
    "experiment", "variant", "feedback", "scope_name", "scope_version", "convention",
    "response_id", "ingested_at", "verdict_at",
)  # fmt: skip
_MAPS = ("attributes", "resource_attributes")
#: As arrays over columns: an expression for each takes twice as long to plan.
_CONTENTS = (
    f"arrayMap(t -> (substringUTF8(t, 1, {MOST_READ}), lengthUTF8(t)), [{', '.join(_TEXTS)}])"
    " AS texts,"
    f" arrayMap(d -> substringUTF8(d, 1, {MOST_READ // 10}),"
    f" arraySlice(documents, 1, {_MOST_DOCUMENTS})) AS some_documents,"
    f" length(documents) AS documents_length, {', '.join(_SIMPLE)},"
    f" arrayMap(m -> arrayMap((k, v) -> (toString(k), substringUTF8(v, 1, {_MOST_VALUE})),"
    f" arraySlice(mapKeys(m), 1, {_MOST_ATTRIBUTES}),"
    f" arraySlice(mapValues(m), 1, {_MOST_ATTRIBUTES})), [{', '.join(_MAPS)}]) AS maps"
)


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
        "SELECT DISTINCT trace_id FROM spans_raw WHERE startsWith(trace_id, {given:String}) LIMIT 6",
        {"given": given},
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
    """``run``: from 1; 0 for the first that failed, else the last. Of a short trace what its steps
    said is read along. Raises NotStoredError."""
    light = f"SELECT {_LIGHT}, {_verdict_columns()}"
    asked = {"trace": trace_id}
    rows = reader.rows(f"{light}, {_CONTENTS} FROM {_OF_TRACE} LIMIT {_SHORT + 1}", asked)
    if not rows:
        raise NotStoredError(trace_id)
    said = [_content(row) for row in rows]
    if len(rows) > _SHORT:
        rows = reader.rows(
            f"{light} FROM {_OF_TRACE} ORDER BY start_time, span_id LIMIT {MOST_STEPS}", asked
        )
        said = [{} for _ in rows]
    steps = sorted(
        (
            Step(0, row, _verdicts(row), content=content)
            for row, content in zip(rows, said, strict=True)
        ),
        key=lambda step: (step.row["nanoseconds"], step.row["span_id"]),
    )
    runs = sorted({step.row["id_reuse"] for step in steps})
    traces = [
        _of(trace_id, [step for step in steps if step.row["id_reuse"] == each], i, len(runs))
        for i, each in enumerate(runs, 1)
    ]
    if 1 <= run <= len(traces):
        return traces[run - 1]
    return next((each for each in traces if each.first_failing), traces[-1])


def contents(reader: Reader, trace: Trace, steps: Sequence[Step]) -> None:
    """Reads what these steps said, where that is not known yet."""
    missing = [step for step in steps if not step.content]
    if not missing:
        return
    run = missing[0].row["id_reuse"]
    rows = reader.rows(
        f"SELECT span_id, id_reuse, {_CONTENTS} FROM {_OF_TRACE} AND span_id IN {{steps:Array(String)}}",
        {"trace": trace.trace_id, "steps": [step.row["span_id"] for step in missing]},
    )
    found = {row["span_id"]: _content(row) for row in rows if row["id_reuse"] == run}
    for step in missing:
        step.content = found.get(step.row["span_id"], {})


def _content(row: Row) -> Row:
    """What _CONTENTS read, taken out of its row."""
    content: Row = {"span_id": row["span_id"]}
    for name, (text, length) in zip(_TEXTS, row.pop("texts"), strict=True):
        content |= {name: text, f"{name}_length": length}
    content |= {"documents": row.pop("some_documents")}
    content |= {name: row.pop(name) for name in ("documents_length", *_SIMPLE)}
    return content | dict(zip(_MAPS, row.pop("maps"), strict=True))


def _verdict_columns() -> str:
    """Of the classifiers that there are."""
    ours = [column for name in columns(classifiers()) for column in (name, f"{name}_score")]
    return ", ".join([*ours, "custom", "custom_scores"] if CUSTOM in classifiers() else ours)


def _verdicts(row: Row) -> list[Verdict]:
    """What _verdict_columns read, taken out of its row."""
    said = row.pop("evidence")
    found = [(name, row.pop(name), row.pop(f"{name}_score")) for name in columns(classifiers())]
    if CUSTOM in classifiers():
        scores = row.pop("custom_scores")
        found += [(name, label, scores.get(name, 0.0)) for name, label in row.pop("custom").items()]
    return [
        Verdict(name, label, nan if score is None else score, said.get(name, ""))
        for name, label, score in found
        if label
    ]


def text_of(reader: Reader, trace_id: str, span_id: str, column: str, most: int) -> str:
    """One text of one step, for "show all". Raises AddressError."""
    if column not in _TEXTS:
        raise AddressError(f"there is no text '{column[:40]}'; there are {', '.join(_TEXTS)}")
    rows = reader.rows(
        f"SELECT substringUTF8({column}, 1, {most}) AS text FROM {_OF_TRACE}"
        " AND span_id = {step:String} ORDER BY id_reuse DESC LIMIT 1",
        {"trace": trace_id, "step": span_id},
    )
    if not rows:
        raise NotStoredError(trace_id, span_id)
    return str(rows[0]["text"])


def _of(trace_id: str, steps: list[Step], run: int, runs: int) -> Trace:
    for number, step in enumerate(steps, 1):
        step.number = number
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
