"""What the disk refuses to write, the embedded engine must not call stored.

chDB (seen with 4.4.0) drops the error where a disk is full, over its quota or broken: an INSERT
comes back as if it were stored, a merge replaces good parts by one that lacks its data. Only a
counter tells, ``WriteBufferFromFileDescriptorWriteFailed`` in ``system.events``. So each statement
that writes through a client of ``watched`` is followed by a look at it. Where it has grown, the
tables are detached and attached: the engine then compares each part with what should have been
written, puts the broken ones aside (``detached/broken-on-start_…``) and takes up again the parts
that they were merged from, which are kept for a while. The statement fails, for whoever asked to
send again. A server raises such errors by itself.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

log = logging.getLogger(__name__)

#: Of the engine's own files, which are small: a definition that was cut can't be read again.
_KEEP_FREE_BYTES = 16 << 20
_REFUSED = """
SELECT toUInt64(sum(value)) FROM system.events
WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'
"""
_TABLES = """
SELECT database, name FROM system.tables
WHERE engine LIKE '%MergeTree' AND NOT is_temporary
    AND database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema')
"""
_STILL_USED = 57
#: What a statement says of a table that is detached at that moment.
_UNKNOWN_TABLE = 60
_WAIT_SECONDS = 5.0
#: How long after a reload began a statement may find a table away.
_AWAY_SECONDS = 60.0
_READS = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "SET", "USE", "CHECK")
_MADE_ONCE = re.compile(r"\s*CREATE\s+(DATABASE|TABLE|VIEW)\s+IF NOT EXISTS\s+([\w.`]+)", re.I)


class RefusedWriteError(OperationalError):
    """The disk took less than was to be written; what was asked for is not stored."""


class _Engine:
    """One for each directory: a process has one engine on it, and many clients."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.lock = threading.Lock()
        #: Refused writes whose parts are put aside.
        self.seen = 0
        #: Tables that could not be attached again yet.
        self.detached: list[tuple[str, str]] = []
        self.reloads = 0
        self.reloaded = self.looked = -_AWAY_SECONDS

    def look(self, client: Client) -> None:
        """Put aside what is broken, if anything may be. Raises what the engine raises."""
        with self.lock:
            refused = int(client.query(_REFUSED).result_rows[0][0])
            if refused == self.seen and not self.detached:
                return
            log.error(
                "the disk of %s refused %d writes; its tables are read anew",
                self.directory,
                refused - self.seen,
            )
            self.reloaded = time.monotonic()
            self._reload(client)
            self.seen = refused
            self.reloads += 1

    def look_later(self, client: Client) -> None:
        """The same without an error, and not soon after the last time: to read the tables anew on a
        full disk may be refused writes too."""
        if time.monotonic() - max(self.reloaded, self.looked) < _WAIT_SECONDS:
            return
        self.looked = time.monotonic()
        try:
            self.look(client)
        except Exception as error:
            log.warning("the tables of %s can't be read anew yet: %s", self.directory, error)

    def was_away(self, error: Exception) -> bool:
        """Whether a statement failed since its table was just being read anew; back when it is
        there again. Nothing was done then, so it may be asked once more."""
        if not isinstance(error, DatabaseError) or error.code != _UNKNOWN_TABLE:
            return False
        with self.lock:
            return time.monotonic() - self.reloaded < _AWAY_SECONDS and not self.detached

    def _reload(self, client: Client) -> None:
        tables = [
            (str(database), str(name)) for database, name in client.query(_TABLES).result_rows
        ]
        for database, name in dict.fromkeys((*self.detached, *tables)):
            table = f"`{database}`.`{name}`"
            if (database, name) not in self.detached:
                client.command(f"DETACH TABLE {table}")
                self.detached.append((database, name))
            _attach(client, table)
            self.detached.remove((database, name))


def _attach(client: Client, table: str) -> None:
    """As soon as no statement holds the table any more. Not ``DETACH … SYNC``: a statement that is
    read bit by bit may wait for the very lock that this is done under."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            client.command(f"ATTACH TABLE {table}")
        except DatabaseError as error:
            if error.code != _STILL_USED or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


_engines: dict[str, _Engine] = {}
_engines_lock = threading.Lock()


def watched(client: Client, directory: str) -> Client:
    """``client`` of the engine on ``directory``, whose writes raise RefusedWriteError where the
    disk did not take all of them, or is too full to try."""
    engine = _engine(directory)
    plain: Any = _Plain(client)

    def checked(write: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(write)
        def call(*args: Any, **options: Any) -> Any:
            if write == plain.command and _writes_nothing(plain, *args, **options):
                return write(*args, **options)
            _room(directory)
            seen = engine.seen
            answer = write(*args, **options)
            engine.look(plain)
            if engine.seen != seen:
                raise RefusedWriteError(
                    f"the disk of {directory} did not take all that was written, so it does not "
                    "count as stored; free the disk, and send again"
                )
            return answer

        return call

    def looked_after(ask: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(ask)
        def call(*args: Any, **options: Any) -> Any:
            try:
                return ask(*args, **options)
            except Exception as error:
                # A merge of the engine's own may be what was refused.
                engine.look_later(plain)
                if not engine.was_away(error):
                    raise
            return ask(*args, **options)

        return call

    for name in ("command", "insert", "raw_insert"):
        setattr(client, name, looked_after(checked(getattr(plain, name))))
    for name in ("query", "raw_query", "raw_stream"):
        setattr(client, name, looked_after(getattr(client, name)))
    return client


def reloads(directory: str) -> int:
    """How often the tables of the engine on ``directory`` were read anew in this process."""
    return _engine(directory).reloads


@contextmanager
def all_tables(directory: str) -> Iterator[int]:
    """While no table of the engine on ``directory`` is away; as which of its ``reloads``.

    Raises RuntimeError where some can't be attached again yet.
    """
    engine = _engine(directory)
    with engine.lock:
        if engine.detached:
            away = ", ".join(".".join(table) for table in engine.detached)
            raise RuntimeError(f"the disk of {directory} refuses writes; not read anew yet: {away}")
        yield engine.reloads


class _Plain:
    """The client's own methods, before they are replaced."""

    def __init__(self, client: Client) -> None:
        self.command, self.insert = client.command, client.insert
        self.raw_insert, self.query = client.raw_insert, client.query


def _engine(directory: str) -> _Engine:
    with _engines_lock:
        path = os.path.realpath(directory)
        return _engines.setdefault(path, _Engine(path))


def _writes_nothing(plain: Any, cmd: str, *_: Any, **__: Any) -> bool:
    """Whether it only reads, or makes what there is already: a start on a full disk does so."""
    if cmd.lstrip().upper().startswith(_READS):
        return True
    made = _MADE_ONCE.match(cmd)
    return made is not None and plain.command(f"EXISTS {made[1]} {made[2]}") == 1


def _room(directory: str) -> None:
    try:
        disk = os.statvfs(directory)
    except OSError:
        return
    free = disk.f_bavail * disk.f_frsize
    if free < _KEEP_FREE_BYTES:
        raise RefusedWriteError(
            f"the disk of {directory} is full: {free >> 20} MiB are left, and "
            f"{_KEEP_FREE_BYTES >> 20} are kept for the engine's own files; free it, and send again"
        )
