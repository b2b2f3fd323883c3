"""A ClickHouse server for faults: python -m benchmarks.faults.clickhouse_server DIRECTORY PORT

The real engine (chDB) behind as much of ClickHouse's HTTP interface as clickhouse-connect speaks,
inserts included: no server binary is needed. Not for anything but tests: it checks nothing.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb.state.sqlitelike import Connection

from clickhouse.embedded_http.compression import decode
from clickhouse.embedded_http.errors import from_engine

_MOST_BYTES = 256 << 20
_INSERT = re.compile(rb"(\s*INSERT\s+INTO\s[^\n]*?)\s(FORMAT\s+\w+)[ ]*\n", re.I)
_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*;?\s*$", re.I)
# What is no setting of a statement, or would send answers that the client has to decode.
_OURS = re.compile(
    r"query|database|param_\w+|query_id|session_\w+|client_protocol_version|enable_http_compression"
    r"|wait_end_of_query|send_progress\w*|http_\w+|cancel_http\w*|default_format|quota_key"
)


class Server(ThreadingHTTPServer):
    """Statements of the same directory, each on a connection of its own."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, directory: Path, port: int) -> None:
        self.path = f"{directory}?max_server_memory_usage={4 << 30}"
        self.anchor = Connection(self.path)
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self._handle(decode(body, self.headers.get("content-encoding", ""), _MOST_BYTES))

    def _handle(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/ping":
            self._answer(200, b"Ok.\n", "TSV")
            return
        url = dict(parse_qsl(parts.query, keep_blank_values=True))
        query = url.get("query", "").encode()
        statement = query + b"\n" + body if query and body else query or body
        try:
            data, format_name = self._run(statement, url)
        except Exception as error:
            self._answer(500, str(error).encode(), "TSV", from_engine(str(error)).code)
        else:
            self._answer(200, data, format_name)

    def _run(self, statement: bytes, url: dict[str, str]) -> tuple[bytes, str]:
        connection = Connection(self.server.path)
        try:
            if database := url.get("database"):
                connection.query(f"USE `{database}`")
            for name, value in url.items():
                if not _OURS.fullmatch(name):
                    connection.query(f"SET {name} = '{value}'")
            if insert := _INSERT.match(statement):
                with tempfile.NamedTemporaryFile(suffix=".raw") as file:
                    file.write(statement[insert.end() :])
                    file.flush()
                    into, form = insert[1].decode(), insert[2].decode()
                    if " FROM input('" in into:
                        # The engine knows no body of a request: a file is as good.
                        source = f" FROM file('{file.name}', 'Native', '"
                        connection.query(into.replace(" FROM input('", source))
                    else:
                        connection.query(f"{into} FROM INFILE '{file.name}' {form}")
                return b"", "TSV"
            sql = statement.decode()
            found = _FORMAT.search(sql)
            name = found[1] if found else url.get("default_format", "TabSeparated")
            if found:
                sql = sql[: found.start()]
            params: dict[str, Any] = {k[6:]: v for k, v in url.items() if k.startswith("param_")}
            return connection.query(sql, name, params=params).bytes() or b"", name
        finally:
            connection.close()

    def _answer(self, status: int, data: bytes, format_name: str, code: int = 0) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.send_header("x-clickhouse-format", format_name)
        self.send_header("x-clickhouse-timezone", "UTC")
        self.send_header("x-clickhouse-summary", "{}")
        if code:
            self.send_header("x-clickhouse-exception-code", str(code))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


if __name__ == "__main__":
    threading.current_thread().name = "server"
    Server(Path(sys.argv[1]).resolve(), int(sys.argv[2])).serve_forever()
