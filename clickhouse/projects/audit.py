"""The table ``audit``: what was done that changes more than a row of one's own, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from service.moments import utc

if TYPE_CHECKING:  # readers load no client
    from clickhouse_connect.driver.client import Client

_COLUMNS = ("at", "who", "project", "act", "what")


@dataclass(frozen=True, slots=True)
class Entry:
    """``who``: `operator`, or `key` and its id. ``project``: whose data it concerns, '' for all or
    the default one. ``act``: what was called. ``what``: of which thing; no text of anybody's."""

    who: str
    project: str
    act: str
    what: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def write(client: Client, database: str, entries: Sequence[Entry]) -> None:
    """Raises clickhouse-connect's errors."""
    client.insert(
        "audit",
        [[each.at, each.who, each.project, each.act, each.what] for each in entries],
        column_names=list(_COLUMNS),
        database=database,
    )


def read(client: Client, database: str, limit: int = 100) -> list[Entry]:
    """The newest first."""
    rows = client.query(
        f"SELECT {', '.join(_COLUMNS)} FROM {database}.audit ORDER BY at DESC LIMIT {int(limit)}"
    ).result_rows
    return [
        Entry(str(who), str(project), str(act), str(what), utc(at))
        for at, who, project, act, what in rows
    ]
