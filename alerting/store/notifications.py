"""Notifications that wait to be understood; spool.py has them written."""

from __future__ import annotations

from alerting.spool import Received
from alerting.store.file import AlertFile


class Notifications:
    """The table of the same name."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    def unprocessed(self) -> list[Received]:
        """Those that nothing was made of yet, oldest first."""
        rows = self._file.rows(
            "SELECT id, received_at, last_received_at, times_received, body FROM notifications"
            " WHERE NOT processed ORDER BY id LIMIT 100"
        )
        return [Received(*row) for row in rows]

    def oldest(self) -> int:
        """When the oldest of them came, in ms since 1970; 0 for none."""
        rows = self._file.rows(
            "SELECT last_received_at FROM notifications WHERE NOT processed ORDER BY id LIMIT 1"
        )
        return int(rows[0][0]) if rows else 0

    def process(self, number: int) -> bool:
        """Whether it was to be done; from now on it is."""
        with self._file.transaction() as connection:
            done = connection.execute(
                "UPDATE notifications SET processed = 1 WHERE id = ? AND NOT processed", (number,)
            )
            return bool(done.rowcount)
