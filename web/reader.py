"""Rows for the views, through clients that only read."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from service.errors import UserError
from service.keys import ASKING, Who

Row = dict[str, Any]

#: A view that takes longer is no view.
_SECONDS = 20
#: Clients that wait for the next question.
_MOST_KEPT = 8


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
        self._idle: dict[str, queue.LifoQueue[Client]] = {}

    def rows(self, sql: str) -> list[Row]:
        """Of a SELECT. Raises ReadError and StorageUnavailableError."""
        with self._client() as client:
            found = client.query(sql, settings={"max_execution_time": _SECONDS})
        names = found.column_names
        return [dict(zip(names, row, strict=True)) for row in found.result_rows]

    @contextmanager
    def _client(self) -> Iterator[Client]:
        who = ASKING.get()
        idle = self._idle.setdefault(who.secret, queue.LifoQueue())
        try:
            client = idle.get_nowait()
        except queue.Empty:
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
        if idle.qsize() < _MOST_KEPT:
            idle.put(client)
        else:
            client.close()


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
