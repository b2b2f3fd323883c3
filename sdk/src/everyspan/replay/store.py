"""Reads traces from ClickHouse over HTTP: `everyspan up`, a server, or ClickHouse Cloud."""

from __future__ import annotations

import base64
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from everyspan.replay.errors import ReplayError
from everyspan.replay.http_client import direct
from everyspan.replay.record import Trace, trace_of

_COLUMNS = (
    "trace_id, span_id, parent_span_id, name, step_kind,"
    " toUnixTimestamp64Nano(start_time) AS start, duration_ms, status, error_type,"
    " status_message, provider, model, input_tokens, output_tokens, cost_usd, input, output,"
    " input_messages, output_messages, tool_definitions, system_instructions, tool_name,"
    " documents, document_scores, code_file, code_line, attributes, resource_attributes, events,"
    " links, scope_name, verdict_version, evidence, id_reuse"
)
_SECONDS = 30
_LAG_SECONDS = 1.5


@dataclass(frozen=True)
class Store:
    """`url` is ClickHouse's HTTP port."""

    url: str
    user: str
    password: str
    database: str

    def trace(self, wanted: str) -> Trace:
        """The trace whose id begins with `wanted`. Raises ReplayError."""
        wanted = wanted.strip().lower()
        if not re.fullmatch(r"[0-9a-f]{4,32}", wanted):
            raise ReplayError(f"TRACE_ID must be 4 to 32 hex digits, not {wanted!r}")
        if len(wanted) < 32:
            found = self.rows(
                f"SELECT DISTINCT trace_id FROM {self.database}.spans"
                " WHERE startsWith(trace_id, {wanted:String}) ORDER BY trace_id LIMIT 6",
                wanted=wanted,
            )
            ids = [str(row["trace_id"]) for row in found]
            if len(ids) > 1:
                raise ReplayError(
                    f"several traces begin with {wanted}; give more digits: {', '.join(ids[:5])}"
                )
            wanted = ids[0] if ids else wanted
        loaded = self.traces([wanted])
        if not loaded:
            # Readers of `everyspan up` see a moment later what has just been stored.
            time.sleep(_LAG_SECONDS)
            loaded = self.traces([wanted])
        if not loaded:
            raise ReplayError(
                f"no trace {wanted} is stored at {self.url}; is it the right ClickHouse "
                "(EVERYSPAN_CLICKHOUSE_DSN), and is the trace younger than the retention?"
            )
        return loaded[0]

    def traces(self, ids: list[str]) -> list[Trace]:
        """Those of the traces that are there."""
        there = self._columns()
        classifiers = [name for name in there if f"{name}_score" in there]
        columns = ", ".join([_COLUMNS, *classifiers, *(f"{c}_score" for c in classifiers)])
        if "text_removed" in there:  # not in a server's before this SDK's
            columns += ", text_removed"
        rows = self.rows(
            f"SELECT {columns} FROM {self.database}.spans WHERE trace_id IN {{ids:Array(String)}}",
            ids="[" + ",".join(f"'{i}'" for i in ids) + "]",
        )
        for row in rows:
            if row.get("text_removed"):
                raise ReplayError(
                    f"the texts of {row['trace_id']} are older than EVERYSPAN_CONTENT_DAYS and were"
                    " removed, so there is nothing to replay from; replay a newer trace with the"
                    " same failure"
                )
        # Of several runs with the same ids, the latest.
        latest = {row["trace_id"]: row["id_reuse"] for row in sorted(rows, key=_reuse)}
        by_id: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["id_reuse"] == latest[row["trace_id"]]:
                by_id.setdefault(str(row["trace_id"]), []).append(row)
        return [trace_of(by_id[i], classifiers) for i in ids if i in by_id]

    def pending(self, ids: list[str]) -> dict[str, tuple[int, int]]:
        """trace_id to its number of rows, and of those without verdicts."""
        rows = self.rows(
            "SELECT trace_id, count() AS n, countIf(verdict_version = 0) AS pending"
            f" FROM {self.database}.spans WHERE trace_id IN {{ids:Array(String)}}"
            " GROUP BY trace_id",
            ids="[" + ",".join(f"'{i}'" for i in ids) + "]",
        )
        return {str(row["trace_id"]): (int(row["n"]), int(row["pending"])) for row in rows}

    def _columns(self) -> list[str]:
        """Of the view. A classifier is a column c where c_score is one too."""
        return [
            str(row["name"])
            for row in self.rows(
                "SELECT name FROM system.columns WHERE database = {database:String}"
                " AND table = 'spans' ORDER BY position",
                database=self.database,
            )
        ]

    def rows(self, sql: str, **parameters: str) -> list[dict[str, Any]]:
        """Rows of a SELECT with its parameters. Raises ReplayError."""
        query = {"default_format": "JSONEachRow"}
        query |= {f"param_{name}": value for name, value in parameters.items()}
        request = urllib.request.Request(  # noqa: S310 - http(s) only, see `store`
            f"{self.url}/?{urlencode(query)}", data=sql.encode(), method="POST"
        )
        if self.user:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            request.add_header("Authorization", f"Basic {pair}")
        try:
            # Whatever proxy the agent goes through is not meant for ClickHouse on this machine.
            with direct.open(request, timeout=_SECONDS) as answer:
                return [json.loads(line) for line in answer.read().splitlines() if line]
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace").strip()[:500]
            raise ReplayError(f"ClickHouse at {self.url} answered {error.code}: {said}") from error
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ReplayError(
                f"no ClickHouse answers at {self.url} ({reason}); start `everyspan up`, or name "
                "another with --clickhouse-dsn or EVERYSPAN_CLICKHOUSE_DSN"
            ) from error


def store(dsn: str | None = None, environ: Mapping[str, str] = os.environ) -> Store:
    """The store of `dsn`, else of the settings that `everyspan up` has too. Raises ReplayError."""
    database = environ.get("EVERYSPAN_DATABASE") or "everyspan"
    if not re.fullmatch(r"[A-Za-z_]\w*", database):
        raise ReplayError(f"EVERYSPAN_DATABASE {database!r} is no name of a database")
    dsn = dsn or environ.get("EVERYSPAN_CLICKHOUSE_DSN")
    if not dsn:
        host = environ.get("EVERYSPAN_CLICKHOUSE_HOST") or "127.0.0.1"
        if host in ("0.0.0.0", "::"):
            host = "127.0.0.1"
        host = f"[{host}]" if ":" in host else host
        port = environ.get("EVERYSPAN_CLICKHOUSE_PORT") or "8123"
        user = environ.get("EVERYSPAN_CLICKHOUSE_USER") or ""
        password = environ.get("EVERYSPAN_CLICKHOUSE_PASSWORD") or ""
        if password and not user:
            user = "default"
        return Store(f"http://{host}:{port}", user, password, database)
    parts = urlsplit(dsn)
    if parts.scheme == "chdb":
        raise ReplayError(
            "a chdb directory belongs to the process that serves it; start `everyspan up` on it "
            "and give its HTTP port: http://127.0.0.1:8123"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ReplayError(
            f"EVERYSPAN_CLICKHOUSE_DSN {dsn!r} is no http(s) address such as "
            "http://user:password@host:8123"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return Store(
        f"{parts.scheme}://{host}{port}",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        database,
    )


def _reuse(row: Mapping[str, Any]) -> int:
    return int(row["id_reuse"])
