"""Notifications as received, on disk before Grafana gets its answer.

SQLite and not ClickHouse: an alert must not be lost because the database that it may be about is
away. A commit is on the disk (WAL, synchronous = FULL) when ``add`` returns.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alerting.notification import Notification, read_notification
from service.errors import UserError

# Each file makes the schema of its number, which is PRAGMA user_version, of the one before.
_MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))
_BUSY_SECONDS = 5.0


class SpoolError(UserError):
    """The file can't be opened or written. The text names it and a remedy."""


@dataclass(frozen=True, slots=True)
class Received:
    """A row: times in milliseconds since 1970, the first body, how often it came."""

    id: int
    received_at: int
    last_received_at: int
    times_received: int
    body: bytes

    @property
    def notification(self) -> Notification:
        """The body, read."""
        return read_notification(self.body)


class Spool:
    """One connection; use it from one thread at a time. Several processes may share the file.

    ``connection``: for store/, which keeps its tables in the same file, so that a notification
    and what follows from it are one transaction.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises SpoolError."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Alerts quote what users and models wrote: nobody else on the machine reads them.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self.connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = FULL")
            self._upgrade()
        except (OSError, sqlite3.Error) as error:
            raise SpoolError(
                f"{path} can't be opened ({error}); make its directory writable, or choose another "
                "with EVERYSPAN_DATA"
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def add(self, content_key: bytes, body: bytes, now: int, group_key: bytes = b"") -> bool:
        """Record it durably. ``now``: ms since 1970. False where it is what its group said last:
        then it is counted, and read once more, since it may be a reminder.

        Raises SpoolError.
        """
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                last = connection.execute(
                    "SELECT id, content_key FROM notifications WHERE group_key = ?"
                    " ORDER BY id DESC LIMIT 1",
                    (group_key,),
                ).fetchone()
                known = last is not None and last[1] == content_key
                if known:
                    connection.execute(
                        "UPDATE notifications SET last_received_at = ?, processed = 0,"
                        " times_received = times_received + 1 WHERE id = ?",
                        (now, last[0]),
                    )
                else:
                    connection.execute(
                        "INSERT INTO notifications (content_key, received_at, last_received_at,"
                        " body, group_key) VALUES (?, ?, ?, ?, ?)",
                        (content_key, now, now, body, group_key),
                    )
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path} can't be written: {error}; free the disk") from error
        return not known

    def forget(self, before: int) -> int:
        """Delete what came last before ``before`` (ms since 1970); how many. Raises SpoolError."""
        try:
            return self.connection.execute(
                "DELETE FROM notifications WHERE last_received_at < ? AND processed", (before,)
            ).rowcount
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path} can't be written: {error}; free the disk") from error

    def check(self, room: int) -> None:
        """Raises SpoolError where ``room`` bytes could not be recorded now."""
        try:
            # What is rolled back is never written, so that it says nothing about the disk.
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute("ROLLBACK")
            free = shutil.disk_usage(self._path).free
        except (OSError, sqlite3.Error) as error:
            raise SpoolError(f"{self._path} can't be written: {error}; free the disk") from error
        if free < room:
            raise SpoolError(f"{self._path}: its disk has {free} bytes left; free the disk")

    def count(self) -> int:
        """Notifications kept. Raises SpoolError."""
        try:
            return int(self.connection.execute("SELECT count(*) FROM notifications").fetchone()[0])
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path} can't be read: {error}") from error

    def read(self, after: int = 0) -> Iterator[Received]:
        """In the order of arrival, from the first whose id is over ``after``."""
        for row in self.connection.execute(
            "SELECT id, received_at, last_received_at, times_received, body FROM notifications"
            " WHERE id > ? ORDER BY id",
            (after,),
        ):
            yield Received(*row)

    def _upgrade(self) -> None:
        # Under a write lock: another process may be doing the same.
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            (version,) = self.connection.execute("PRAGMA user_version").fetchone()
            if version > len(_MIGRATIONS):
                raise SpoolError(
                    f"{self._path} was written by a newer version (schema {version}); install that"
                    " one again"
                )
            for path in _MIGRATIONS[version:]:
                for statement in _statements(path.read_text(encoding="utf-8")):
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


def _statements(text: str) -> Iterator[str]:
    """One by one: a script as a whole would be no part of the transaction."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
