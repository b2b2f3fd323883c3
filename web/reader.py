"""Rows for the views, through clients that only read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from service.errors import UserError
from service.keys import ASKING, Who

Row = dict[str, Any]

#: A view that takes longer is no view.
_SECONDS = 20
#: Clients of one key that wait for the next question, and how long they do.
_MOST_KEPT = 8
_KEPT_SECONDS = 60.0


class ReadError(UserError):
    """ClickHouse refuses or does not answer; the text says what it said, and what to do."""


class NotReadError(UserError):
    """The page can't read as who asks; the text says what to do."""


#: A new client that reads what this one may.
Connecting = Callable[[Who], Client]


class Reader:
    """``connecting``: a new client, for whoever asks. ``database``: where ``spans`` is. Safe to use
    from several threads: each question has a client to itself, which only ever asks for one key."""

    def __init__(self, connecting: Connecting, database: str) -> None:
        self.database = database
        self._connecting = connecting
        #: By whom they read as: (when it was used last, client), the newest last.
        self._idle: dict[str, list[tuple[float, Client]]] = {}
        self._lock = threading.Lock()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Of a SELECT. ``parameters``: for {name:Type} in it; a text that stays the same is checked
        once. Raises ReadError and StorageUnavailableError."""
        with self._client() as client:
            found = client.query(
                sql, parameters=dict(parameters or {}), settings={"max_execution_time": _SECONDS}
            )
        names = found.column_names
        return [dict(zip(names, row, strict=True)) for row in found.result_rows]

    @contextmanager
    def _client(self) -> Iterator[Client]:
        who = ASKING.get()
        client = self._idle_one(who.secret)
        if client is None:
            client = self._connecting(who)
            client.database = self.database
        try:
            yield client
        except ClickHouseError as error:
            client.close()
            raise ReadError(_told(str(error))) from error
        except BaseException:
            client.close()
            raise
        with self._lock:
            idle = self._idle.setdefault(who.secret, [])
            if len(idle) < _MOST_KEPT:
                idle.append((time.monotonic(), client))
                return
        client.close()

    def _idle_one(self, secret: str) -> Client | None:
        """The one that was used last; those that nobody used for a while are closed, such as those
        of a key that was revoked."""
        since = time.monotonic() - _KEPT_SECONDS
        with self._lock:
            idle = self._idle.get(secret)
            found = idle.pop()[1] if idle else None
            old = [each for kept in self._idle.values() for at, each in kept if at < since]
            fresh = {
                secret: [(at, each) for at, each in kept if at >= since]
                for secret, kept in self._idle.items()
            }
            self._idle = {secret: kept for secret, kept in fresh.items() if kept}
        for each in old:
            each.close()
        return found


def _told(error: str) -> str:
    """The engine's words, and what to do."""
    if "TIMEOUT_EXCEEDED" in error or "Timeout exceeded" in error:
        return (
            f"this took over {_SECONDS} seconds and was stopped; choose a shorter time, a service,"
            " or whole words to search for"
        )
    if "UNKNOWN_TABLE" in error or "UNKNOWN_DATABASE" in error:
        return "nothing is stored yet; start `everyspan up` and send spans to it"
    return f"ClickHouse could not answer: {error[:500]}"
