"""What a custom classifier is: checked data, the same in ClickHouse, in files and over HTTP."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from classify.custom.conditions import Condition
from classify.custom.strict import known_keys
from clickhouse.span import STEP_KINDS
from service.errors import UserError
from service.keys import told

On = Literal["output", "input", "both", "steps"]
#: ``draft``: too little evidence, judges nothing until more comes or somebody enables it.
State = Literal["live", "draft", "disabled", "removed"]
Mark = Literal["positive", "negative"]

#: What the name of a classifier may not be: it is a key beside these.
RESERVED = frozenset(("custom", "all", "evidence", "spans"))
#: Stands for the project of a classifier that judges the rows of all.
ALL = "*"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,62}")
_FULL_NAME = re.compile(rf"(?:[a-z0-9][a-z0-9-]{{0,62}}/)?{_NAME.pattern}")


class DefinitionError(UserError):
    """What the user gave is no classifier. The text names the field and the remedy."""


class UnknownClassifierError(DefinitionError):
    """There is none of that name."""


class NameInUseError(DefinitionError):
    """Another classifier, or a column, has that name."""


class Strict(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_known(cls, given: Any) -> Any:
        return known_keys(cls, given)


class Example(Strict):
    """A text that fails (``positive``: the classifier should find it) or that does not.

    ``texts``: one, or input and output where the classifier looks at both. Ids are '' for a text
    that was written down. ``answered``: the classifier chose the row, and somebody was asked.
    """

    mark: Mark
    texts: Annotated[list[str], Field(min_length=1, max_length=2)]
    trace_id: str = ""
    span_id: str = ""
    answered: bool = False


class Definition(Strict):
    """``on``: what is compared with the examples. ``kinds``: kinds of step that are looked at,
    empty for all. ``only``: conditions that all must hold for a row to be judged. ``fail_if``:
    conditions that make it fail, ``any`` of them or ``all``. ``unit``: what conditions look at: a
    row, or the whole trace with the verdict on its root. ``together``: where there are both
    examples and conditions, whether both must say fail. ``max_fail_rate``: where the alert rule
    fires; None for the rule's own. ``threshold``: scores from there up fail; None for the
    calibrated one. ``services``: whose rows are judged and learned against; empty for all.
    """

    name: str
    on: On = "output"
    describe: Annotated[str, Field(max_length=500)] = ""
    kinds: list[str] = []
    services: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=100)
    ] = []
    unit: Literal["span", "trace"] = "span"
    only: list[Condition] = []
    fail_if: list[Condition] = []
    combine: Literal["any", "all"] = "any"
    together: Literal["and", "or"] = "and"
    max_fail_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    examples: Annotated[list[Example], Field(max_length=2000)] = []

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value) or value in RESERVED:
            raise ValueError(
                f"'{value}' is no name for a classifier; use lower-case letters, digits and"
                " underscores, beginning with a letter, such as missing_gl_code"
            )
        return value

    @field_validator("kinds")
    @classmethod
    def _are_kinds(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - set(STEP_KINDS)):
            raise ValueError(f"'{unknown[0]}' is no kind of step; use {', '.join(STEP_KINDS)}")
        return sorted(set(value))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for each in self.examples:
            if len(each.texts) != (2 if self.on == "both" else 1):
                raise ValueError(
                    "examples: on 'both' an example is input and output; else it is one text"
                )
        if self.unit == "span" and any(c.of_trace for c in (*self.only, *self.fail_if)):
            raise ValueError(
                "fail_if: step, steps and differs_from look at the whole trace; set unit = 'trace'"
            )
        if self.unit == "trace" and self.examples and self.on != "steps":
            raise ValueError(
                "unit 'trace' with examples compares whole traces: set on = 'steps', or leave unit"
                " out"
            )
        return self

    def marked(self, mark: Mark) -> list[Example]:
        """Its positive or negative examples."""
        return [each for each in self.examples if each.mark == mark]

    @property
    def learns(self) -> bool:
        """Whether it compares texts; else it is rules alone."""
        return bool(self.examples)


def is_name(text: str) -> bool:
    """Whether it has the form of a classifier's name, of all projects or of one."""
    return _FULL_NAME.fullmatch(text) is not None


def full_name(name: str, project: str) -> str:
    """What it is called wherever there are several projects' (rows, alerts, boards). ``project``:
    ALL, or whose it is, '' for the default one."""
    return name if project == ALL else f"{told(project)}/{name}"


def judges(full: str, project: str) -> bool:
    """Whether a classifier, by its full name, is asked about a row of the project."""
    of, slash, _ = full.partition("/")
    return not slash or of == told(project)


def plain(text: str) -> str:
    """For comparing texts: without case and blanks."""
    return " ".join(text.split()).casefold()


def said(error: ValidationError, within: str = "") -> str:
    """pydantic's problems as sentences: field: what is wrong."""
    found = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        found.append(f"{place}: {text}" if place else text)
    return (f"{within}: " if within else "") + "; ".join(found)
