"""A record, and the small trace that the classifiers see of it."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from classify.classifier import Classifier, Subject, Trace, applies
from clickhouse.span import STEP_KINDS, Span
from service.errors import UserError

_SECOND = 10**9


class RecordError(UserError):
    """The line is no record. The text names the field and the remedy."""


class _Given(BaseModel):
    """A field that is null is one that is missing."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {
            name: [each for each in value if each is not None] if isinstance(value, list) else value
            for name, value in given.items()
            if value is not None
        }


class Step(_Given):
    """One step of ``steps``. ``input`` and ``output`` are text or any JSON."""

    kind: str = "tool"
    name: str = ""
    input: Any = ""
    output: Any = ""
    status: str = ""


class Message(_Given):
    """One message of ``input``."""

    role: str
    content: str = ""


class Record(_Given):
    """Any field may be missing. ``label``: 1 fails, 0 healthy; read by ``everyspan evaluate``."""

    id: str | int = ""
    input: str | list[Message] = ""
    output: str = ""
    context: str | list[str] = []
    steps: list[Step] = []
    label: float | None = None


def read_record(line: bytes | str) -> Record:
    """Raises RecordError."""
    try:
        return Record.model_validate(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise RecordError(f"not JSON: {error}; write one object a line") from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "the record"
        raise RecordError(f"{field}: {problem['msg']}") from error


def subjects_of(record: Record, classifier: Classifier) -> list[Subject]:
    """The rows that the classifier looks at, in a trace made of the record; none where it looks at
    nothing of it.

    The context is a retrieval, each step a span, the answer a model step; earlier turns of
    ``input`` are earlier traces of the session.
    """
    trace = trace_of(record)
    spans = trace.spans if classifier.unit == "span" else (trace.root,)
    return [Subject(span, trace) for span in spans if applies(classifier, span)]


def trace_of(record: Record) -> Trace:
    """The trace that `subjects_of` looks at."""
    numbers = itertools.count(1)
    turns = (
        [("user", record.input)]
        if isinstance(record.input, str)
        else [(m.role, m.content) for m in record.input]
    )
    system = "\n".join(text for role, text in turns if role == "system")
    said = [(role, text) for role, text in turns if role in ("user", "assistant") and text]
    answer = record.output
    if not answer and said and said[-1][0] == "assistant":
        answer = said.pop()[1]
    asked = said.pop()[1] if said and said[-1][0] == "user" else ""
    context = [record.context] if isinstance(record.context, str) else list(record.context)

    def span(kind: str, name: str, **fields: Any) -> Span:
        number = next(numbers)
        return Span(
            "1" * 32,
            f"{number:016x}",
            parent_span_id="" if number == 1 else f"{1:016x}",
            name=name,
            step_kind=kind if kind in STEP_KINDS else "other",
            start_time=number * _SECOND,
            duration_ms=1,
            **fields,
        )

    root = span("agent", "record", input=asked, output=answer, system_instructions=system)
    root.duration_ms = 10**6
    spans = [root]
    if any(context):
        documents = [text for text in context if text]
        spans.append(span("retrieval", "context", input=asked, documents=documents))
    spans.extend(
        span(
            step.kind,
            step.name,
            tool_name=step.name if step.kind == "tool" else "",
            input=_text(step.input),
            output=_text(step.output),
            status="error" if step.status == "error" else "unset",
        )
        for step in record.steps
    )
    model = span("llm", "answer", input=asked, output=answer, system_instructions=system)
    spans.append(model)
    return Trace(tuple(spans), tuple(_earlier(said)))


def _earlier(said: list[tuple[str, str]]) -> list[Trace]:
    found = []
    for number, (role, text) in enumerate(said):
        key = "input" if role == "user" else "output"
        one = Span(f"{number + 2:032x}", "1" * 16, name="turn", step_kind="llm", **{key: text})  # type: ignore[arg-type]
        found.append(Trace((one,)))
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
