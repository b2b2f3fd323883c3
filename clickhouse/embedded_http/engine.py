"""Statements on the chDB engine that this process already has open (or opens here).

Each statement gets a connection of its own (0.1 ms): settings and ``readonly`` stay on a chDB
connection for good, and one client's must not reach the next.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from chdb.state.sqlitelike import Connection

from clickhouse.embedded_http.errors import QueryRefused, from_engine
from clickhouse.embedded_http.settings import Limits, bounded, quote, quote_name
from clickhouse.embedded_http.walls import mark
from clickhouse.projects.key_store import holding
from clickhouse.projects.keyring import keys_of
from service.keys import Key

# Parsing is bounded too: a deep or huge statement costs CPU before any limit of its own applies.
_MAX_QUERY_BYTES = 1 << 20
#: Of tables and of databases.
_NO_SUCH_TABLE = (60, 81)


@dataclass(slots=True, frozen=True)
class Result:
    """Bytes in the asked format; rows and bytes read; seconds inside the engine."""

    data: bytes
    rows_read: int
    bytes_read: int
    seconds: float


class Engine:
    """Runs text that the guard has let through. Safe to use from several threads."""

    def __init__(self, path: str, limits: Limits, hidden: Collection[str] = ()) -> None:
        directory, mark, options = path.partition("?")
        # chDB compares paths letter by letter: every spelling must come to the same one.
        self._path = os.path.realpath(directory) + mark + options
        self._limits = limits
        # Longest first: one may be the beginning of another.
        texts = sorted(filter(None, hidden), key=len, reverse=True)
        self._hidden = re.compile("|".join(map(re.escape, texts))) if texts else None
        self._lock = Lock()
        self._anchor: Connection | None = None

    def open(self) -> None:
        """Keep the engine open, whatever comes and goes."""
        with self._lock:
            if self._anchor is None:
                self._anchor = Connection(self._path)

    def ping(self) -> None:
        """Raises QueryRefused when not even ``SELECT 1`` is answered."""
        self._scalar("SELECT 1")

    @cached_property
    def version(self) -> str:
        """Version of the engine, e.g. '26.9.2.1'."""
        return self._scalar("SELECT version()")

    @cached_property
    def timezone(self) -> str:
        """The server time zone, e.g. 'Etc/UTC'."""
        return self._scalar("SELECT timezone()")

    @cached_property
    def formats(self) -> dict[str, tuple[str, str]]:
        """Output formats: lower-case name to (name, content type)."""
        rows = self._scalar("SELECT name, content_type FROM system.formats WHERE is_output")
        pairs = (row.split("\t") for row in rows.split("\n"))
        return {name.lower(): (name, content_type) for name, content_type in pairs}

    @cached_property
    def table_functions(self) -> frozenset[str]:
        """Names of all table functions."""
        return frozenset(self._scalar("SELECT name FROM system.table_functions").split("\n"))

    def canonical(self, sql: str) -> str:
        """``sql`` as the engine writes it, on one line. Exactly one statement may be in it.

        Raises QueryRefused with the parser's message.
        """
        # The text travels as a parameter (escaped as in TSV), never as part of a statement.
        escaped = sql.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
        text = self._scalar(
            "SELECT formatQuerySingleLine({sql:String})", {"sql": escaped.replace("\r", "\\r")}
        )
        if not text:
            raise QueryRefused(62, "Empty query")
        return text

    def syntax_tree(self, sql: str, params: Mapping[str, str]) -> str:
        """EXPLAIN AST of one canonical statement, parameters filled in. Nothing is executed."""
        return self._scalar(f"EXPLAIN AST {sql}", params)

    def limited(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Settings (name to SQL value) with every limit cut to ours and ours filled in.

        Raises QueryRefused.
        """
        return bounded(dict(wanted), self._limits)

    def run(
        self,
        sql: str,
        format_name: str,
        *,
        database: str,
        params: Mapping[str, str],
        settings: Mapping[str, str],
        tag: str,
        project: str | None = None,
    ) -> Result:
        """Run one checked statement read-only and within the limits.

        ``settings``: what ``limited`` gave. ``tag`` is what ``kill`` finds it by. ``project``: the
        only one whose rows are there; None for all.
        """
        connection = Connection(self._path)
        try:
            wanted = {**settings, "log_comment": quote(mark(tag, project))}
            if database:
                connection.query(f"USE {quote_name(database)}")
            assignments = ", ".join(f"{name} = {value}" for name, value in wanted.items())
            connection.query(f"SET {assignments}")
            connection.query("SET readonly = 1")
            answer = connection.query(sql, format_name, params=dict(params))
            data = answer.bytes() or b""
            if len(data) > 4 * self._limits.result_bytes:
                raise QueryRefused(
                    396, f"the answer is {len(data)} bytes of {format_name}; ask for fewer rows"
                )
            return Result(data, answer.rows_read(), answer.bytes_read(), answer.elapsed())
        except QueryRefused:
            raise
        except Exception as error:
            raise self._error(error) from error
        finally:
            connection.close()

    def kill(self, tag: str) -> None:
        """Ask the engine to stop the statement that runs under ``tag``, if it still does."""
        marked = f"startsWith(Settings['log_comment'], {quote(f'{tag} ')})"
        self._scalar(f"KILL QUERY WHERE {marked} ASYNC")

    def keys(self, database: str) -> dict[str, Key]:
        """Hash to key, of the projects' keys that hold; none where there is no table of them.
        Raises QueryRefused."""
        try:
            rows = self._scalar(
                f"{holding(quote_name(database))} FORMAT JSONCompactEachRow", read_all=True
            )
        except QueryRefused as error:
            if error.code in _NO_SUCH_TABLE:
                return {}
            raise
        return keys_of(map(json.loads, filter(None, rows.split("\n"))))

    def _error(self, error: Exception) -> QueryRefused:
        text = str(error)
        return from_engine(self._hidden.sub("…", text) if self._hidden else text)

    def _scalar(
        self, sql: str, params: Mapping[str, str] | None = None, *, read_all: bool = False
    ) -> str:
        self.open()
        connection = Connection(self._path)
        try:
            if read_all:
                connection.query(f"SET log_comment = {quote(mark('own', None))}")
            connection.query(f"SET max_query_size = {_MAX_QUERY_BYTES}")
            answer = connection.query(sql, "TSVRaw", params=dict(params or {}))
            return (answer.bytes() or b"").decode("utf-8", "replace").rstrip("\n")
        except Exception as error:
            raise self._error(error) from error
        finally:
            connection.close()
