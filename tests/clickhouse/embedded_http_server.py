"""A served chDB directory for the tests: real engine, real socket, one table that is known.

The server is a process of its own (chDB allows one directory a process). As in ``everyspan up``, a
writing clickhouse-connect client has the same directory open in it.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
ROWS = 1000


@dataclass(slots=True, frozen=True)
class Answer:
    """Status, lower-case headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> int:
        """ClickHouse's exception code, 0 for none."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(slots=True, frozen=True)
class Server:
    """Where it listens."""

    port: int

    def ask(
        self,
        sql: str | bytes = b"",
        *,
        method: str = "POST",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        **url: str | int,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = sql.encode() if isinstance(sql, str) else sql
        target = f"{path}?{urlencode(url)}" if url else path
        connection.request(method, target, body if method == "POST" else None, headers or {})
        response = connection.getresponse()
        answer = Answer(
            response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
        )
        connection.close()
        return answer


@contextmanager
def serve(directory: Path, **options: Any) -> Iterator[Server]:
    """Serve a new chDB directory on a free port of 127.0.0.1; ``options`` go to ``create_app``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, __file__, str(directory), str(port), json.dumps(options)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    server = Server(port)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            try:
                if server.ask(method="GET", path="/ping").status == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """python embedded_http_server.py DIRECTORY PORT OPTIONS"""
    import clickhouse_connect

    from clickhouse.embedded_http.process import ReaderProcess
    from service.serve import Site, serve

    directory, port, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    writer = clickhouse_connect.get_client(dsn=f"chdb:///{directory}")
    writer.command("CREATE DATABASE IF NOT EXISTS everyspan ENGINE = Atomic")
    writer.command(
        "CREATE TABLE IF NOT EXISTS everyspan.spans_raw (span_id UInt64, file String, url String,"
        " input String, start_time DateTime64(9, 'UTC'), cost_usd Nullable(Float64),"
        " model LowCardinality(String), attributes Map(String, String), documents Array(String))"
        " ENGINE = ReplacingMergeTree ORDER BY span_id"
    )
    writer.command(
        "CREATE OR REPLACE VIEW everyspan.spans AS SELECT * FROM everyspan.spans_raw FINAL"
        " SETTINGS do_not_merge_across_partitions_select_final = 1"
    )
    columns: list[list[Any]] = [
        list(range(ROWS)),
        [f"agent_{n}.py" for n in range(ROWS)],
        ["http://localhost/"] * ROWS,
        ["file('/etc/passwd'); INTO OUTFILE"] * ROWS,
        [1_700_000_000_123_456_789 + n for n in range(ROWS)],
        [None if n % 2 else n / 10 for n in range(ROWS)],
        ["m" if n % 2 else "große" for n in range(ROWS)],
        [{"k": str(n)} for n in range(ROWS)],
        [["a", "b"]] * ROWS,
    ]
    writer.insert("everyspan.spans_raw", columns, column_oriented=True)

    async def nothing() -> None:
        pass

    site = Site("ClickHouse HTTP", ReaderProcess(directory, **options), "127.0.0.1", port, "")
    asyncio.run(serve([site], start=nothing, stop=nothing, ready=lambda ports: None))


if __name__ == "__main__":
    main()
