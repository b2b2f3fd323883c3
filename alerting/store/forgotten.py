"""What names a forgotten trace is deleted: at once where it has ended, else when it has.

Quotes are in cases (what enrichment found), in alerts as Grafana sent them (annotations), and in
what a destination answered. All are found by the ids of traces; a user's and a session's by what
cases say of their steps, so that an alert is found whose spans are no longer stored.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

from alerting.store.cases import Cases
from alerting.store.file import AlertFile, now_ms
from alerting.whose import whose

_TRACE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
#: Table, its key, what it says, and which of its rows are not needed any more.
_SAYS = (
    ("deliveries", "id", "alert", "status != 'pending'"),
    ("held_resolutions", "fingerprint", "alert", "0"),
    ("alerts", "fingerprint", "alert", "status = 'resolved'"),
    ("notifications", "id", "CAST(body AS TEXT)", "processed"),
)
#: A notification that was on its way may name it again for so long.
_WATCHED_MS = 3600 * 1000


class Forgotten:
    """The table of the same name."""

    def __init__(self, file: AlertFile, cases: Cases) -> None:
        self._file = file
        self._cases = cases

    def erase(
        self,
        traces: Collection[str],
        users: Collection[str] = (),
        sessions: Collection[str] = (),
        project: str | None = None,
    ) -> tuple[int, int]:
        """Delete what names one of these, from the disk too: rows deleted, and rows that are left,
        since they are to be told yet or their alert still fires: ``again`` deletes those.
        ``project``: of whose alerts alone; None for all."""
        with self._file.transaction() as connection:
            _without_orphans(connection)
            wanted = frozenset(traces) | _of_people(connection, users, sessions, project)
            now = now_ms()
            connection.executemany(
                "INSERT INTO forgotten (trace_id, project, asked_at) VALUES (?, ?, ?)",
                [(trace, project, now) for trace in sorted(wanted)],
            )
            deleted, left = _remove(connection, wanted, project)
        self._tidy()
        return deleted, left

    def again(self) -> int:
        """What has ended since; rows deleted."""
        total = 0
        with self._file.transaction() as connection:
            _without_orphans(connection)
            asked = connection.execute(
                "SELECT project, max(asked_at) FROM forgotten GROUP BY project"
            ).fetchall()
            for project, newest in asked:
                found = connection.execute(
                    "SELECT DISTINCT trace_id FROM forgotten WHERE project IS ?", (project,)
                )
                deleted, left = _remove(connection, frozenset(t for (t,) in found), project)
                total += deleted
                if not left and newest < now_ms() - _WATCHED_MS:
                    connection.execute("DELETE FROM forgotten WHERE project IS ?", (project,))
        if total:
            self._tidy()
        return total

    def _tidy(self) -> None:
        self._cases.forget_last()
        self._file.tidy()


def _without_orphans(connection: sqlite3.Connection) -> None:
    """Whose a case is, its deliveries say."""
    connection.execute("DELETE FROM cases WHERE case_key NOT IN (SELECT case_key FROM deliveries)")


def _of_people(
    connection: sqlite3.Connection,
    users: Collection[str],
    sessions: Collection[str],
    project: str | None,
) -> frozenset[str]:
    """The traces of theirs that alerts name."""
    if not users and not sessions:
        return frozenset()
    found: set[str] = set()
    for key, said in connection.execute("SELECT case_key, found FROM cases").fetchall():
        if not _is_own_case(connection, key, project):
            continue
        for step in _steps(said):
            if step.get("user_id") in users or step.get("session_id") in sessions:
                found.update(_TRACE_ID.findall(str(step.get("trace_id", ""))))
    return frozenset(found)


def _remove(
    connection: sqlite3.Connection, wanted: frozenset[str], project: str | None
) -> tuple[int, int]:
    """Rows deleted, and rows left."""
    if not wanted:
        return 0, 0
    connection.execute("PRAGMA secure_delete = ON")
    deleted = left = 0
    for key, said in connection.execute("SELECT case_key, found FROM cases").fetchall():
        if wanted.isdisjoint(_TRACE_ID.findall(said)):
            continue
        if not _is_own_case(connection, key, project):
            continue
        connection.execute("DELETE FROM cases WHERE case_key = ?", (key,))
        # What a destination answered may quote what it was told.
        done = connection.execute(
            "DELETE FROM deliveries WHERE case_key = ? AND status != 'pending'", (key,)
        ).rowcount
        connection.execute("UPDATE deliveries SET error = '' WHERE case_key = ?", (key,))
        deleted += 1 + done
    for table, name, text, over in _SAYS:
        for key, said, is_over in connection.execute(
            f"SELECT {name}, {text}, {over} FROM {table}"
        ).fetchall():
            if wanted.isdisjoint(_TRACE_ID.findall(said)) or not _is_own(said, wanted, project):
                continue
            if is_over:
                connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (key,))
                deleted += 1
            else:
                left += 1
    return deleted, left


def _is_own_case(connection: sqlite3.Connection, key: str, project: str | None) -> bool:
    if project is None:
        return True
    rows = connection.execute("SELECT alert FROM deliveries WHERE case_key = ?", (key,))
    return any(whose(_labels(_read(said))) == project for (said,) in rows.fetchall())


def _is_own(said: str, wanted: frozenset[str], project: str | None) -> bool:
    """Whether an alert, or one of a notification, that names the trace is the project's."""
    if project is None:
        return True
    read = _read(said)
    alerts = read.get("alerts", [read])
    return any(
        whose(_labels(each)) == project
        for each in (alerts if isinstance(alerts, list) else [])
        if not wanted.isdisjoint(_TRACE_ID.findall(json.dumps(each)))
    )


def _steps(said: str) -> Iterator[dict[str, Any]]:
    failures = _read(said).get("failures", [])
    yield from (each for each in failures if isinstance(each, dict))


def _labels(alert: Any) -> dict[str, str]:
    labels = alert.get("labels") if isinstance(alert, dict) else None
    return labels if isinstance(labels, dict) else {}


def _read(said: str) -> dict[str, Any]:
    """{} for what is no JSON object."""
    try:
        found = json.loads(said)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
