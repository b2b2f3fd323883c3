"""The keys that hold, in memory: read anew every two seconds, so that no request asks the storage.

A new key opens, and a revoked one is refused, within that time. Where the storage does not answer
for longer, nobody knows whether a key was revoked: then none opens anything.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clickhouse.projects.audit import Entry, write
from clickhouse.projects.key_store import digest, holding, note_uses
from service.keys import Key, KeysUnknownError, Who

if TYPE_CHECKING:  # readers load no client
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

READ_SECONDS = 2.0
#: How old what is known may be.
_STALE_SECONDS = 15.0
#: The least between two notes of a key's use.
_NOTE_SECONDS = 60.0
#: Of acts that could not be written yet; each is in the log as well.
_MOST_WAITING = 10_000

Load = Callable[[], Mapping[str, Key]]


class Keyring:
    """``load``: hash to key, of those that hold; raises whatever it likes. Safe to use from several
    threads."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._known: Mapping[str, Key] = {}
        self._at: float | None = None
        self._used: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read. Back at once."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; safe to call twice, and where it was not started."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def find(self, text: str) -> Key | None:
        """The key that the text is, where it holds. Raises KeysUnknownError."""
        at = self._at
        if at is None or time.monotonic() - at > _STALE_SECONDS:
            raise KeysUnknownError(
                "which keys hold is not known: ClickHouse does not answer; try again"
            )
        key = self._known.get(digest(text))
        if key is not None:
            self.use([key.id])
        return key

    def use(self, ids: Iterable[str]) -> None:
        """These were used."""
        with self._lock:
            self._used.update(ids)

    def take_used(self) -> list[str]:
        """The ids of keys that were used since it was last asked."""
        with self._lock:
            found, self._used = sorted(self._used), set()
        return found

    def read(self) -> None:
        """Now. Raises what loading does."""
        known = self._load()
        self._known, self._at = known, time.monotonic()

    def _run(self) -> None:
        said = ""
        while True:
            try:
                self.read()
                said = ""
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
                if told != said:
                    log.warning("keys could not be read: %s", told)
                said = told
                self._failed()
            self._along()
            if self._ended.wait(READ_SECONDS):
                return

    def _failed(self) -> None:
        """What is open should be opened anew."""

    def _along(self) -> None:
        """What else is to be done now and then."""


class StoredKeyring(Keyring):
    """Of a database. ``connect``: a client of its own. It notes when keys were used, and what was
    done, along the way."""

    def __init__(self, connect: Callable[[], Client], database: str) -> None:
        super().__init__(self._of_database)
        self._connect = connect
        self._database = database
        self._client: Client | None = None
        self._noted_at = 0.0
        self._waiting: list[Entry] = []

    def stop(self) -> None:
        super().stop()
        self._noted_at = 0.0
        self._along()
        self._failed()

    def audit(self, who: Who, act: str) -> None:
        """Write it down soon; it is in the log at once."""
        entry = Entry(who.name, who.writes_to, act)
        log.info("audit: %s: %s", entry.who, entry.act)
        with self._lock:
            self._waiting.append(entry)
            del self._waiting[:-_MOST_WAITING]

    def _of_database(self) -> Mapping[str, Key]:
        rows = self._asked().query(holding(self._database)).result_rows
        return keys_of(rows)

    def _asked(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _failed(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _along(self) -> None:
        with self._lock:
            entries, self._waiting = self._waiting, []
        try:
            if entries:
                write(self._asked(), self._database, entries)
                entries = []
            if time.monotonic() - self._noted_at >= _NOTE_SECONDS and (used := self.take_used()):
                self._noted_at = time.monotonic()
                note_uses(self._asked(), self._database, used, datetime.now(UTC))
        except Exception as error:
            # A user who may read need not be one who may write; the log has the acts.
            log.debug("what was done could not be written: %s", error)
            self._failed()
            with self._lock:
                self._waiting[:0] = entries


def keys_of(rows: Iterable[Any]) -> dict[str, Key]:
    """Hash to key. ``rows``: what ``holding`` selects."""
    return {
        str(hashed): Key(str(number), str(project), str(name), frozenset(scopes), int(limit))
        for number, project, name, scopes, hashed, limit in rows
    }
