"""A recorded trace as plain data: its steps, numbered from 1 by their start.

Rows are those of `everyspan.spans`; alerts and the Trace dashboard number steps the same way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: The scope of `@everyspan.step`: the steps that a replay can answer from the record.
DECORATED = "everyspan"
_CUT = re.compile(r"…\[(?:cut: \d+ more characters|everyspan: \d+ bytes cut)\]")

#: Attributes that ingest keeps in a column where the column has all of them.
_COLUMN = {
    "gen_ai.tool.call.arguments": "input",
    "gen_ai.tool.call.result": "output",
    "gen_ai.retrieval.query.text": "input",
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
    "input.value": "input",
    "output.value": "output",
}


@dataclass(frozen=True, eq=False)
class Step:
    """One row. Times are nanoseconds since 1970 and milliseconds; None for unknown tokens."""

    number: int
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    start: int
    duration_ms: float
    status: str
    error_type: str
    status_message: str
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    input: str
    output: str
    input_messages: str
    output_messages: str
    tool_definitions: str
    system_instructions: str
    tool_name: str
    documents: tuple[str, ...]
    document_scores: tuple[float, ...]
    code: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: tuple[Mapping[str, Any], ...]
    links: tuple[Mapping[str, Any], ...]
    scope: str
    verdict_version: int
    verdicts: Mapping[str, tuple[str, float | None]]
    evidence: Mapping[str, str]

    @property
    def is_decorated(self) -> bool:
        return self.scope == DECORATED

    @property
    def failed(self) -> list[str]:
        """The classifiers whose verdict is fail."""
        return [name for name, (label, _) in self.verdicts.items() if label == "fail"]

    @property
    def tokens(self) -> int:
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def end(self) -> int:
        return self.start + int(self.duration_ms * 1e6)

    def attribute(self, name: str) -> str | None:
        """The attribute as it was sent; None where it was not."""
        if name in self.attributes:
            return self.attributes[name]
        column = _COLUMN.get(name)
        text = str(getattr(self, column)) if column is not None else ""
        return text or None

    def messages(self, side: str) -> list[dict[str, Any]]:
        """`input` or `output` messages, `{role, parts}` each. [] for none or cut ones."""
        return _list(getattr(self, f"{side}_messages"))

    def exception(self) -> Mapping[str, Any] | None:
        """The attributes of its last exception event."""
        found = [e.get("attributes") or {} for e in self.events if e.get("name") == "exception"]
        return found[-1] if found else None


@dataclass(frozen=True)
class Trace:
    """The steps by start. Raises ValueError for none."""

    trace_id: str
    steps: Sequence[Step]
    _by_id: dict[str, Step] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a trace has at least one step")
        object.__setattr__(self, "_by_id", {step.span_id: step for step in self.steps})

    def __len__(self) -> int:
        return len(self.steps)

    def step(self, number: int) -> Step:
        """Raises IndexError for a number that is none."""
        if not 1 <= number <= len(self.steps):
            raise IndexError(number)
        return self.steps[number - 1]

    def parent(self, step: Step) -> Step | None:
        return self._by_id.get(step.parent_span_id) if step.parent_span_id else None

    def ancestors(self, step: Step) -> list[Step]:
        """From its parent outwards."""
        found: list[Step] = []
        at = self.parent(step)
        while at is not None and at not in found and at is not step:
            found.append(at)
            at = self.parent(at)
        return found

    def path(self, step: Step) -> tuple[str, ...]:
        """Names of its ancestors, outermost first."""
        return tuple(above.name for above in reversed(self.ancestors(step)))

    def below(self, step: Step) -> list[Step]:
        """Everything under it, by start."""
        return [other for other in self.steps if step in self.ancestors(other)]

    @cached_property
    def root(self) -> Step:
        """The first step without a parent here."""
        return next((s for s in self.steps if self.parent(s) is None), self.steps[0])

    @cached_property
    def missing_parents(self) -> list[Step]:
        """Steps whose parent never came."""
        return [s for s in self.steps if s.parent_span_id and self.parent(s) is None]

    @property
    def seconds(self) -> float:
        return (max(s.end for s in self.steps) - min(s.start for s in self.steps)) / 1e9

    @property
    def model_calls(self) -> list[Step]:
        """Model steps that hold no other model step: one for each request that was made."""
        above = {s for step in self.steps if step.kind == "llm" for s in self.ancestors(step)}
        return [step for step in self.steps if step.kind == "llm" and step not in above]

    @property
    def judged(self) -> bool:
        return all(step.verdict_version for step in self.steps)


def is_cut(text: str | None) -> bool:
    """Whether a mark in it says that something is missing."""
    return text is not None and _CUT.search(text) is not None


def before_cut(text: str) -> str:
    """The text up to the mark."""
    found = _CUT.search(text)
    return text if found is None else text[: found.start()]


def trace_of(rows: Sequence[Mapping[str, Any]], classifiers: Sequence[str]) -> Trace:
    """Rows of one trace, as JSON of ClickHouse has them. Raises ValueError for none."""
    ordered = sorted(rows, key=lambda row: (int(row["start"]), str(row["span_id"])))
    steps = [_step(number, row, classifiers) for number, row in enumerate(ordered, 1)]
    return Trace(str(ordered[0]["trace_id"]) if ordered else "", steps)


def _step(number: int, row: Mapping[str, Any], classifiers: Sequence[str]) -> Step:
    code = f"{row['code_file']}:{row['code_line']}" if row["code_file"] else ""
    return Step(
        number=number,
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        name=row["name"],
        kind=row["step_kind"],
        start=int(row["start"]),
        duration_ms=float(row["duration_ms"]),
        status=row["status"],
        error_type=row["error_type"],
        status_message=row["status_message"],
        provider=row["provider"],
        model=row["model"],
        input_tokens=_count(row["input_tokens"]),
        output_tokens=_count(row["output_tokens"]),
        cost_usd=None if row["cost_usd"] is None else float(row["cost_usd"]),
        input=row["input"],
        output=row["output"],
        input_messages=row["input_messages"],
        output_messages=row["output_messages"],
        tool_definitions=row["tool_definitions"],
        system_instructions=row["system_instructions"],
        tool_name=row["tool_name"],
        documents=tuple(row["documents"]),
        document_scores=tuple(row["document_scores"]),
        code=code,
        attributes=row["attributes"],
        resource=row["resource_attributes"],
        events=tuple(_list(row["events"])),
        links=tuple(_list(row["links"])),
        scope=row["scope_name"],
        verdict_version=int(row["verdict_version"]),
        verdicts={name: (row[name], _score(row[f"{name}_score"])) for name in classifiers},
        evidence=row["evidence"],
    )


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _score(value: Any) -> float | None:
    # ClickHouse writes NaN as null.
    return None if value is None or value != value else float(value)


def _list(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text) if text else []
    except ValueError:
        return []
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
