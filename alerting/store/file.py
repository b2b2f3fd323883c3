"""The file that all tables are in, and how many threads share it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from alerting.notification import Alert
from alerting.spool import Spool
from clickhouse.set_aside import set_aside, why

log = logging.getLogger(__name__)


class AlertFile:
    """One connection behind a lock: any thread may call. Raises SpoolError when opened."""

    def __init__(self, path: Path) -> None:
        self._spool = Spool(path)
        #: Of whoever needs more than one statement to see the same.
        self.lock = threading.RLock()
        self.path = str(path)

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self._spool.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; within another one it is a part of that."""
        with self.lock:
            connection = self._spool.connection
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Of a SELECT."""
        with self.lock:
            return self._spool.connection.execute(sql, values).fetchall()

    def tidy(self) -> None:
        """Write the file anew without what was deleted, and empty its log. Where another process
        uses it just now, that happens when it is closed."""
        with self.lock:
            try:
                self._spool.connection.execute("VACUUM")
                self._spool.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:
                log.warning("%s could not be tidied up now: %s", self.path, error)

    def alert(self, table: str, name: str, text: str) -> Alert | None:
        """None for a record that can't be read: it is set aside."""
        try:
            return Alert.model_validate_json(text)
        except ValidationError as error:
            set_aside(self.path, table, {name: why(error)}, whole=False)
            return None


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
