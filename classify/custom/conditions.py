"""Conditions of a rule file: on columns, JSON paths, order and count of steps, regular expressions.

A condition names where it looks (``column``, ``attribute``, ``arguments``, ``result``, ``step`` or
``steps``) and what must hold there. JSON paths are those of RFC 9535 (python-jsonpath).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import jsonpath
from pydantic import BaseModel, ConfigDict, Field, model_validator

from classify import messages
from classify.classifier import Subject
from classify.custom.strict import known_keys
from classify.signals.language import in_another, names
from clickhouse.span import SPAN_COLUMNS, STEP_KINDS, Span
from service.pattern import PatternError, pattern

#: Characters of a text that a regular expression sees: one that runs away costs its batch.
_MAX_MATCHED = 100_000
_MAX_TOLD = 80
_COLUMNS = frozenset(SPAN_COLUMNS)

Scalar = str | int | float | bool


class Source(BaseModel):
    """Where values come from: exactly one of column, attribute, arguments and result.

    ``column``: of spans; with ``path``, its JSON. ``attribute``: a key of ``attributes``.
    ``arguments``, ``result``: a JSON path into the arguments sent to tools and into what they gave
    back ('$' for the whole); with ``tool`` only of tools of that name (* and ? stand for letters).
    """

    model_config = ConfigDict(extra="forbid")

    column: str = ""
    path: str = ""
    attribute: str = ""
    arguments: str = ""
    result: str = ""
    tool: str = ""

    @model_validator(mode="before")
    @classmethod
    def _is_known(cls, given: Any) -> Any:
        return known_keys(cls, given)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        named = [n for n in ("column", "attribute", "arguments", "result") if getattr(self, n)]
        if isinstance(self, Condition) and (self.step or self.steps):
            named += ["step"] if self.step else ["steps"]
        if len(named) != 1:
            raise ValueError(
                f"names {' and '.join(named) or 'nothing'} to look at; name one of column,"
                " attribute, arguments, result, step and steps"
            )
        if self.column and self.column not in _COLUMNS:
            near = get_close_matches(self.column, _COLUMNS, 1)
            remedy = f"did you mean {near[0]}?" if near else "see clickhouse/README.md"
            raise ValueError(f"column '{self.column}' is none of spans; {remedy}")
        if self.path and not self.column:
            raise ValueError("path belongs to column; arguments and result are paths themselves")
        if self.tool and not (self.arguments or self.result):
            raise ValueError("tool belongs to arguments or result")
        for field in ("path", "arguments", "result"):
            if text := getattr(self, field):
                try:
                    _path(text)
                except jsonpath.JSONPathError as error:
                    raise ValueError(f"{field} '{text}' is no JSON path: {error}") from error
        return self

    @property
    def told(self) -> str:
        """For evidence: where it looks."""
        if self.column:
            return f"{self.column} {self.path}".strip()
        if self.attribute:
            return f"attribute {self.attribute}"
        kind, path = ("arguments", self.arguments) if self.arguments else ("result", self.result)
        return f"{kind} {path} of {self.tool or 'tools'}"

    def values(self, subject: Subject, spans: Sequence[Span]) -> list[Any]:
        """What is there, in the order of the steps; [] for nothing."""
        if self.column:
            value = getattr(subject.span, self.column)
            if not self.path:
                return list(value) if isinstance(value, list) else [value]
            return _found(self.path, messages.decode(value) if isinstance(value, str) else value)
        if self.attribute:
            text = subject.span.attributes.get(self.attribute)
            return [] if text is None else [text]
        found: list[Any] = []
        for name, arguments, result in _calls(spans):
            if self.tool and not fnmatchcase(name, self.tool):
                continue
            held, path = (arguments, self.arguments) if self.arguments else (result, self.result)
            if held is not None:
                found += _found(path, held)
        return found


class Condition(Source):
    """Holds where one of the values (``which``: any, or all of them) is as it says. ``missing``:
    what it means where ``differs_from`` finds nothing to compare with: 'fail' that the condition
    holds, 'pass' (the default) that it does not. ``not_language``: it is written in another
    language than the one of that name, as far as its words tell.

    ``step``: a name or kind of step ('tool:refund*' for a kind and a name); ``at_least`` and
    ``at_most`` say how often. ``steps``: several such, ``order`` says whether the condition holds
    where they come in that order ('kept') or do not ('broken': one is missing or comes too early).
    """

    equals: Scalar | None = None
    not_equals: Scalar | None = None
    one_of: list[Scalar] | None = None
    none_of: list[Scalar] | None = None
    contains: str | None = None
    matches: str | None = None
    not_matches: str | None = None
    above: float | None = None
    below: float | None = None
    exists: bool | None = None
    differs_from: Source | None = None
    not_language: str | None = None
    missing: Literal["pass", "fail"] | None = None
    which: Literal["any", "all"] = "any"

    step: str = ""
    at_least: Annotated[int, Field(ge=0)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None
    steps: list[str] = []
    order: Literal["kept", "broken"] = "broken"

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = [name for name in _TESTS if getattr(self, name) is not None]
        if self.step or self.steps:
            if said:
                raise ValueError(f"{said[0]} belongs to a value; a step has at_least and at_most")
            if self.step and self.at_least is None and self.at_most is None:
                raise ValueError("step needs at_least or at_most, such as at_most = 3")
            if self.steps and len(self.steps) < 2:
                raise ValueError("steps needs two at least; for one use step with at_most = 0")
            return self
        if self.at_least is not None or self.at_most is not None:
            raise ValueError("at_least and at_most belong to step; for numbers use above and below")
        if self.missing is not None and self.differs_from is None:
            raise ValueError("missing belongs to differs_from: what it means that nothing is there")
        if len(said) != 1:
            raise ValueError(
                f"says {' and '.join(said) or 'nothing'} of {self.told}; say one of"
                f" {', '.join(_TESTS)}"
            )
        if self.not_language is not None and self.not_language.lower() not in names():
            near = get_close_matches(self.not_language.lower(), names(), 1)
            remedy = f"did you mean {near[0].title()}?" if near else "write it in English: German"
            raise ValueError(f"not_language '{self.not_language}' is none that is known; {remedy}")
        for field in ("matches", "not_matches"):
            if text := getattr(self, field):
                try:
                    pattern(text)
                except PatternError as error:
                    raise ValueError(f"{field} {error}") from error
        return self

    @property
    def of_trace(self) -> bool:
        """Whether it can only be said of a whole trace."""
        return bool(self.step or self.steps or self.differs_from)

    def holds(self, subject: Subject, spans: Sequence[Span]) -> str:
        """The reason, '' where it does not hold. ``spans``: what it may look at, by start time."""
        if self.step:
            return self._counted(spans)
        if self.steps:
            return self._ordered(spans)
        values = [value for value in self.values(subject, spans) if value is not None]
        if self.exists is not None:
            there = [value for value in values if value not in (None, "", [], {})]
            if bool(there) != self.exists:
                return ""
            return f"{self.told}: {_short(there[0]) if there else 'nothing there'}"
        if self.differs_from is not None:
            return self._differing(values, self.differs_from, subject, spans)
        if not values:
            return ""
        hits = [value for value in values if self._true_of(value)]
        if not hits or (self.which == "all" and len(hits) < len(values)):
            return ""
        return f"{self.told}: {_short(hits[0])}"

    def _true_of(self, value: Any) -> bool:
        if self.above is not None or self.below is not None:
            number = _number(value)
            if number is None:
                return False
            return number > self.above if self.above is not None else number < (self.below or 0.0)
        text = messages.encode(value)
        if self.contains is not None:
            return self.contains.casefold() in text.casefold()
        if self.matches is not None:
            return pattern(self.matches).search(text[:_MAX_MATCHED])
        if self.not_matches is not None:
            return not pattern(self.not_matches).search(text[:_MAX_MATCHED])
        if self.not_language is not None:
            return in_another(text, names()[self.not_language.lower()])
        if self.equals is not None:
            return _same(value, self.equals)
        if self.not_equals is not None:
            return not _same(value, self.not_equals)
        if self.one_of is not None:
            return any(_same(value, each) for each in self.one_of)
        return not any(_same(value, each) for each in self.none_of or ())

    def _differing(
        self, values: list[Any], other: Source, subject: Subject, spans: Sequence[Span]
    ) -> str:
        allowed = {messages.encode(value) for value in other.values(subject, spans)}
        if not allowed:
            if self.missing != "fail" or not values:
                return ""
            return f"{self.told}: {_short(values[0])}, and nothing in {other.told}"
        wrong = [value for value in values if messages.encode(value) not in allowed]
        if not wrong or (self.which == "all" and len(wrong) < len(values)):
            return ""
        theirs = ", ".join(sorted(allowed)[:3])
        return f"{self.told}: {_short(wrong[0])} is not in {other.told}: {_short(theirs)}"

    def _counted(self, spans: Sequence[Span]) -> str:
        count = sum(_is(self.step, span) for span in spans)
        if self.at_least is not None and count < self.at_least:
            return ""
        if self.at_most is not None and count > self.at_most:
            return ""
        return f"{count} {'step' if count == 1 else 'steps'} {self.step}"

    def _ordered(self, spans: Sequence[Span]) -> str:
        at = 0
        for span in spans:
            if at < len(self.steps) and _is(self.steps[at], span):
                at += 1
        kept = at == len(self.steps)
        if kept != (self.order == "kept"):
            return ""
        if kept:
            return f"steps in the order {', '.join(self.steps)}"
        missing = self.steps[at]
        there = any(_is(missing, span) for span in spans)
        after = self.steps[at - 1] if at else ""
        if there and after:
            return f"no step {missing} after {after}; it comes before"
        return f"no step {missing}" + (f" after {after}" if after else "")


_TESTS = (
    "equals",
    "not_equals",
    "one_of",
    "none_of",
    "contains",
    "matches",
    "not_matches",
    "above",
    "below",
    "exists",
    "differs_from",
    "not_language",
)


def _is(pattern: str, span: Span) -> bool:
    """'kind:name', or a name or kind alone; * and ? stand for letters."""
    kind, colon, name = pattern.partition(":")
    if colon and kind in STEP_KINDS:
        return span.step_kind == kind and _named(name, span)
    return _named(pattern, span) or span.step_kind == pattern


def _named(pattern: str, span: Span) -> bool:
    return fnmatchcase(span.name, pattern) or bool(
        span.tool_name and fnmatchcase(span.tool_name, pattern)
    )


def _calls(spans: Sequence[Span]) -> Iterator[tuple[str, Any, Any]]:
    """Name, arguments and result of each tool call: of tool steps, else as model steps asked."""
    tools = [span for span in spans if span.step_kind == "tool"]
    for span in tools:
        yield span.tool_name or span.name, _decoded(span.input), _decoded(span.output)
    done = {span.tool_name or span.name for span in tools}
    for span in spans:
        if span.step_kind == "llm":
            for message in messages.messages(span.output_messages):
                for call in messages.tool_calls(message):
                    if call.name not in done:
                        yield call.name, _decoded(call.arguments), None


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value:
        return None
    found = messages.decode(value)
    return value if found is None else found


@lru_cache(maxsize=1024)
def _path(text: str) -> Any:
    return jsonpath.compile(text)


def _found(path: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, dict | list):
        return [value] if path.strip() == "$" else []
    try:
        return list(_path(path).findall(value))
    except (jsonpath.JSONPathError, RecursionError):
        return []


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _same(value: Any, wanted: Scalar) -> bool:
    """Text as written; numbers by value, also in text; true and false only as such."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted or str(value).lower() == str(wanted).lower()
    if isinstance(wanted, int | float):
        return _number(value) == float(wanted)
    return messages.encode(value) == wanted


def _short(value: Any) -> str:
    text = " ".join(messages.encode(value).split())
    return text if len(text) <= _MAX_TOLD else text[:_MAX_TOLD] + "…"
