"""The tables ``erasures`` and ``forgotten_traces``: what was asked, how far it is."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from service.moments import utc

#: For so long what comes of a forgotten trace is removed too: senders try again, and a trace that
#: was being judged is written once more.
WATCHED = timedelta(hours=1)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    *("id", "asked_at", "asked_by", "traces", "removed", "notes", "removed_at", "finished_at"),
    "project",
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """``asked_by``: user, session, trace or where; never which. ``removed``: table to rows, all
    versions of a row counted. ``notes``: what a person has to know or do. ``removed_at``: when rows
    were removed last; ``finished_at``: when nothing of it was left on the disk; NEVER where that is
    not so yet. ``project``: whose rows, '' for the default one; None for all."""

    id: str
    asked_at: datetime
    asked_by: str
    traces: int
    removed: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    removed_at: datetime = NEVER
    finished_at: datetime = NEVER
    project: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left of it."""
        return self.finished_at > NEVER

    @property
    def is_watched(self) -> bool:
        """Whether something of it may still come."""
        return self.asked_at > datetime.now(UTC) - WATCHED

    def with_more(self, removed: Mapping[str, int]) -> Erasure:
        """The same with further rows, removed now."""
        counts = dict(self.removed)
        for table, rows in removed.items():
            counts[table] = counts.get(table, 0) + rows
        return replace(self, removed=counts, removed_at=datetime.now(UTC), finished_at=NEVER)


def begin(
    client: Client, database: str, asked_by: str, traces: Sequence[str], project: str | None = None
) -> Erasure:
    """Note the traces, so that an erasure that is interrupted goes on."""
    erasure = Erasure(
        secrets.token_hex(8), datetime.now(UTC), asked_by, len(traces), project=project
    )
    client.insert(
        "forgotten_traces",
        [[erasure.id, trace] for trace in traces],
        column_names=["erasure", "trace_id"],
        database=database,
    )
    put(client, database, erasure)
    return erasure


def put(client: Client, database: str, erasure: Erasure) -> None:
    """Its state as of now."""
    client.insert(
        "erasures",
        [
            [
                erasure.id,
                erasure.asked_at,
                erasure.asked_by,
                erasure.traces,
                dict(erasure.removed),
                list(erasure.notes),
                erasure.removed_at,
                erasure.finished_at,
                erasure.project,
            ]
        ],
        column_names=list(_COLUMNS),
        database=database,
    )


def read(client: Client, database: str, limit: int = 100) -> list[Erasure]:
    """The newest first."""
    rows = client.query(
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.erasures ORDER BY changed_at DESC"
        " LIMIT 1 BY id"
    ).result_rows
    found = [
        Erasure(
            str(name), utc(asked_at), str(asked_by), int(traces), dict(removed), tuple(notes),
            utc(removed_at), utc(finished_at), None if project is None else str(project),
        )
        for (
            name, asked_at, asked_by, traces, removed, notes, removed_at, finished_at, project
        ) in rows
    ]  # fmt: skip
    return sorted(found, key=lambda each: each.asked_at, reverse=True)[:limit]
