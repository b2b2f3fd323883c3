"""What the catalog answers: plain data for CLI, HTTP and Python."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from classify.custom.classifier_definition import State
from classify.custom.classifier_store import Record, Unreadable
from classify.custom.plain_rule import PlainRule

#: Why a classifier is a draft that was told to ask before it judges.
HELD = "the rows nearest to its examples are asked first"


class Shown(BaseModel):
    """A row of real traffic and what the classifier says of it. ``score``: 0 to 1."""

    trace_id: str
    span_id: str
    score: float
    text: str


class Duplicate(BaseModel):
    """A classifier that says much the same. ``overlap``: of the rows that either fails, the share
    that both do, 0 to 1."""

    name: str
    overlap: float


class Answer(BaseModel):
    """What somebody needs to trust a classifier, or not.

    ``reason``: why it is not live, '' where it is. ``quality``: cross-checked on the examples.
    ``expected_fail_rate``: of ``sampled`` rows, None where there were none. ``to_go_over``: stored
    rows that it will judge now. ``rule``: a plain one that may do as well, None for none.
    """

    name: str
    version: int
    state: State
    reason: str
    threshold: float
    quality: dict[str, Any]
    nearest: list[Shown]
    borderline: list[Shown]
    expected_fail_rate: float | None
    sampled: int
    near_duplicates: list[Duplicate]
    to_go_over: int
    rule: PlainRule | None = None


class Listed(BaseModel):
    """One line of the list. ``project``: whose rows it judges, * for all. ``set_aside``: why its
    record can't be read, '' where it can."""

    name: str
    project: str
    state: str
    version: int
    on: str
    describe: str
    examples: int
    rules: int
    author: str
    source: str
    changed_at: str
    set_aside: str = ""


def listed(record: Record) -> Listed:
    """As the list shows it."""
    definition = record.definition
    return Listed(
        name=record.name,
        project=record.project,
        state=record.state,
        version=record.version,
        on=definition.on if definition.learns else "rules",
        describe=definition.describe,
        examples=len(definition.examples),
        rules=len(definition.fail_if),
        author=record.author,
        source=record.source.partition(" ")[0],
        changed_at=record.changed_at.isoformat(timespec="seconds"),
    )


def listed_aside(record: Unreadable) -> Listed:
    """As the list shows one that can't be read."""
    row = record.row
    return Listed(
        name=record.name,
        project=row["project"],
        state=record.state,
        version=int(row["version"]),
        on="",
        describe="",
        examples=0,
        rules=0,
        author=row["author"],
        source=row["source"].partition(" ")[0],
        changed_at=row["changed_at"].isoformat(timespec="seconds"),
        set_aside=record.reason,
    )
