"""The table ``custom_classifiers``: every state that a classifier has had, the newest counts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client

from classify.custom.definition import Definition, State
from classify.custom.member import Member, Members
from classify.custom.vectors import model

_COLUMNS = (
    "name",
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
    to be. ``source``: the file that it came from and its checksum, '' for none."""

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

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def member(self) -> Member:
        """For judging."""
        return Member(self.definition, self.head, self.version)


def put(client: Client, database: str, record: Record) -> Record:
    """Store a new state. Returns it with its revision, which is larger than all before."""
    ((newest,),) = client.query(
        f"SELECT max(revision) FROM {database}.custom_classifiers"
    ).result_rows
    now = datetime.now(UTC)
    revision = max(time.time_ns() // 1000, int(newest) + 1)
    record = replace(record, revision=revision, changed_at=now)
    client.insert(
        "custom_classifiers",
        [
            [
                record.name,
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


def newest_revision(client: Client, database: str) -> int:
    """Of any classifier; 0 before any."""
    rows = client.query(f"SELECT max(revision) FROM {database}.custom_classifiers").result_rows
    return int(rows[0][0])


def current(client: Client, database: str, name: str = "") -> list[Record]:
    """The newest state of each classifier, removed ones too, by name."""
    return _records(
        client,
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.custom_classifiers FINAL"
        + (" WHERE name = {name:String}" if name else "")
        + " ORDER BY name, revision DESC LIMIT 1 BY name",
        {"name": name},
    )


def history(client: Client, database: str, name: str) -> list[Record]:
    """All states of one classifier, newest first."""
    return _records(
        client,
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.custom_classifiers FINAL"
        " WHERE name = {name:String} ORDER BY revision DESC",
        {"name": name},
    )


def members(records: Sequence[Record]) -> Members:
    """What judges now. What another model's vectors taught can't judge this one's."""
    live = [
        each
        for each in records
        if each.state == "live" and (not each.head or each.model == model())
    ]
    names = {each.name for each in live}
    return Members(
        max((each.revision for each in live), default=0),
        tuple(each.member for each in live),
        frozenset(
            each.name for each in records if each.state != "removed" and each.name not in names
        ),
        tuple(each.name for each in records if each.state == "removed"),
    )


def _records(client: Client, query: str, parameters: dict[str, Any]) -> list[Record]:
    rows = client.query(
        query,
        parameters=parameters,
        # What was learned is bytes, not text.
        column_formats={"head": "bytes"},
    ).result_rows
    return [
        Record(
            Definition.model_validate_json(definition),
            state,
            int(version),
            bytes(head),
            orjson.loads(quality or "{}"),
            int(of_model),
            author,
            source,
            int(revision),
            changed_at if changed_at.tzinfo else changed_at.replace(tzinfo=UTC),
        )
        for (
            _name,
            revision,
            version,
            state,
            definition,
            head,
            quality,
            of_model,
            _rate,
            author,
            source,
            changed_at,
        ) in rows
    ]
