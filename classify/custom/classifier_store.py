"""The table ``custom_classifiers``: every state that a classifier has had, the newest counts.

A record that this version can't read is set aside: it judges nothing, its verdicts stay, and the
others go on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_args

import numpy as np
import orjson
from clickhouse_connect.driver.client import Client
from pydantic import ValidationError

from classify.custom.classifier_definition import ALL, Definition, State, full_name, said
from classify.custom.member import Member, Members
from classify.custom.vectors import DIMENSIONS, model
from classify.models.checksums import ModelError
from clickhouse.set_aside import set_aside, why

TABLE = "custom_classifiers"
#: Where ``quality`` says that the definition's threshold comes from reviews, and why.
CALIBRATED = "calibrated"
#: Where it says that answers of reviews became examples, and why.
TAUGHT = "taught"
_COLUMNS = (
    "name",
    "project",
    "revision",
    "version",
    "state",
    "definition",
    "head",
    "quality",
    "model",
    "max_fail_rate",
    "author",
    "source",
    "changed_at",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """One row. ``head``: what was learned, b'' for rules alone. ``quality``: what it was measured
    to be. ``source``: the file that it came from and its checksum, '' for none. ``project``: whose
    rows it judges; ALL for all."""

    definition: Definition
    state: State
    version: int = 1
    head: bytes = b""
    quality: dict[str, Any] = field(default_factory=dict)
    model: int = 0
    author: str = ""
    source: str = ""
    revision: int = 0
    changed_at: datetime = _EPOCH
    project: str = ALL

    @property
    def name(self) -> str:
        """With its project, where it is one project's."""
        return full_name(self.definition.name, self.project)

    @property
    def member(self) -> Member:
        """For judging."""
        return Member(self.definition, self.head, self.version, self.project)

    def check(self) -> None:
        """Raises ValueError where it could not judge."""
        if not self.head:
            if self.definition.learns:
                raise ValueError("it has examples, but nothing that was learned from them")
            return
        try:
            member = self.member
            if self.model == _model(0):
                member.score_rows(np.zeros((1, self.width), np.float32), ["one word"])
        except Exception as error:
            raise ValueError(f"what it has learned can't be used: {why(error)}") from error

    @property
    def width(self) -> int:
        """Numbers of a vector that it compares."""
        return DIMENSIONS * (2 if self.definition.on == "both" else 1)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is set aside. ``state``: as it is stored, whatever that is. ``row``: all of its
    columns, as they are."""

    name: str
    state: str
    reason: str
    row: dict[str, Any]


def put(client: Client, database: str, record: Record) -> Record:
    """Store a new state. Returns it with its revision, which is larger than all before."""
    now, revision = datetime.now(UTC), _next_revision(client, database)
    record = replace(record, revision=revision, changed_at=now)
    client.insert(
        "custom_classifiers",
        [
            [
                record.name,
                record.project,
                revision,
                record.version,
                record.state,
                record.definition.model_dump_json(exclude_defaults=True),
                record.head,
                orjson.dumps(record.quality).decode(),
                record.model,
                record.definition.max_fail_rate or 0.0,
                record.author,
                record.source,
                now,
            ]
        ],
        column_names=list(_COLUMNS),
        database=database,
    )
    return record


def put_state(client: Client, database: str, record: Unreadable, state: State) -> None:
    """Store a new state of a record that can't be read; the rest stays as it is."""
    now, revision = datetime.now(UTC), _next_revision(client, database)
    row = record.row | {"state": state, "revision": revision, "changed_at": now}
    client.insert(
        TABLE, [[row[column] for column in _COLUMNS]], column_names=_COLUMNS, database=database
    )


def _next_revision(client: Client, database: str) -> int:
    return max(time.time_ns() // 1000, newest_revision(client, database) + 1)


def newest_revision(client: Client, database: str) -> int:
    """Of any classifier; 0 before any."""
    rows = client.query(f"SELECT max(revision) FROM {database}.custom_classifiers").result_rows
    return int(rows[0][0])


def current(client: Client, database: str, name: str = "") -> list[Record]:
    """The newest state of each classifier, removed ones too, by name; without what can't be
    read."""
    return everything(client, database, name)[0]


def everything(
    client: Client, database: str, name: str = ""
) -> tuple[list[Record], list[Unreadable]]:
    """The newest state of each classifier, removed ones too, by name: those that can be read, and
    those that can't."""
    records, unreadable = _records(
        client,
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.{TABLE} FINAL"
        + (" WHERE name = {name:String}" if name else "")
        + " ORDER BY name, revision DESC LIMIT 1 BY name",
        {"name": name},
    )
    found = {each.name: "" for each in records} | {
        each.name: each.reason for each in unreadable if each.state != "removed"
    }
    set_aside(database, TABLE, found, whole=not name)
    return records, unreadable


def history(client: Client, database: str, name: str) -> list[Record]:
    """All states of one classifier, newest first; without what can't be read."""
    return _records(
        client,
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.{TABLE} FINAL"
        " WHERE name = {name:String} ORDER BY revision DESC",
        {"name": name},
    )[0]


def members(records: Sequence[Record], unreadable: Sequence[Unreadable] = ()) -> Members:
    """What judges now. What another model's vectors taught can't judge this one's."""
    live = [
        each
        for each in records
        if each.state == "live" and (not each.head or each.model == _model(each.model))
    ]
    names = {each.name for each in live}
    kept = {each.name for each in records if each.state != "removed" and each.name not in names}
    removed = {each.name for each in records if each.state == "removed"}
    removed |= {each.name for each in unreadable if each.state == "removed"}
    return Members(
        max((each.revision for each in live), default=0),
        tuple(each.member for each in live),
        frozenset(kept | {each.name for each in unreadable if each.state != "removed"}),
        tuple(sorted(removed)),
        tuple(sorted(each.name for each in unreadable if each.state == "live")),
    )


def _model(unknown: int) -> int:
    """``unknown`` where the model can't be read: nothing that it taught can judge until it can."""
    try:
        return model()
    except ModelError:
        return unknown


def _records(
    client: Client, query: str, parameters: dict[str, Any]
) -> tuple[list[Record], list[Unreadable]]:
    rows = client.query(
        query,
        parameters=parameters,
        # What was learned is bytes, not text; so is a definition that is none.
        column_formats={"head": "bytes"},
    ).result_rows
    records, unreadable = [], []
    for values in rows:
        row = dict(zip(_COLUMNS, values, strict=True))
        try:
            records.append(_record(row))
        except ValidationError as error:
            reason = f"its definition: {said(error)[:300]}"
            unreadable.append(Unreadable(row["name"], row["state"], reason, row))
        except Exception as error:
            unreadable.append(Unreadable(row["name"], row["state"], why(error), row))
    return records, unreadable


def _record(row: dict[str, Any]) -> Record:
    """Raises whatever what is stored makes the reading raise."""
    if row["state"] not in get_args(State):
        raise ValueError(f"state '{row['state']}' is of another version")
    quality = orjson.loads(row["quality"] or "{}")
    if not isinstance(quality, dict):
        raise ValueError("quality is no JSON object")
    changed_at = row["changed_at"]
    record = Record(
        Definition.model_validate_json(row["definition"]),
        row["state"],
        int(row["version"]),
        bytes(row["head"]),
        quality,
        int(row["model"]),
        row["author"],
        row["source"],
        int(row["revision"]),
        changed_at if changed_at.tzinfo else changed_at.replace(tzinfo=UTC),
        row["project"],
    )
    if record.name != row["name"]:
        raise ValueError(f"its definition is that of '{record.name}'")
    if record.state == "live":
        record.check()
    return record
