"""The servers that are compared: how each starts, where it takes OTLP, how its rows are counted."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """A running server under measurement. ``sqlite``: its database file; '' counts in chDB."""

    name: str
    url: str
    metrics: str
    process: subprocess.Popen[bytes]
    directory: Path
    sqlite: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """User and system time of the process and its descendants so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        return sum(_ticks(pid) for pid in _tree(self.process.pid)) / ticks

    def stored(self) -> int:
        """Rows in the database now; for Everyspan only once it has stopped."""
        if self.sqlite:
            with sqlite3.connect(f"file:{self.directory / self.sqlite}?mode=ro", uri=True) as db:
                return int(db.execute("SELECT count(*) FROM spans").fetchone()[0])
        code = (
            "import sys; from clickhouse.connection import connect;"
            "print(connect(sys.argv[1]).query("
            "'SELECT uniqExact(trace_id, span_id) FROM everyspan.spans').result_rows[0][0])"
        )
        dsn = f"chdb://{self.directory / 'clickhouse'}"
        out = subprocess.run(
            [sys.executable, "-c", code, dsn], cwd=ROOT, check=True, capture_output=True, text=True
        )
        return int(out.stdout)

    def stop(self) -> None:
        """SIGTERM, then wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def everyspan(directory: Path) -> Iterator[Server]:
    """``everyspan ingest`` on embedded ClickHouse, default settings."""
    port = _port()
    process = _start(
        [
            sys.executable,
            "-m",
            "cli.main",
            "ingest",
            f"--data={directory}",
            f"--otlp-http-port={port}",
            "--otlp-grpc-port=0",
        ],
        directory,
        {},
    )
    base = f"http://127.0.0.1:{port}"
    server = Server("Everyspan", f"{base}/v1/traces", f"{base}/metrics", process, directory)
    yield from _serve(server, f"{base}/readyz")


@contextmanager
def phoenix(directory: Path, python: Path) -> Iterator[Server]:
    """Arize Phoenix on SQLite, as ``phoenix serve`` starts it."""
    port = _port()
    process = _start(
        [str(python), "-m", "phoenix.server.main", "serve"],
        directory,
        {
            "PHOENIX_WORKING_DIR": str(directory),
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(_port()),
            "PHOENIX_HOST": "127.0.0.1",
        },
    )
    base = f"http://127.0.0.1:{port}"
    server = Server("Phoenix", f"{base}/v1/traces", "", process, directory, "phoenix.db")
    yield from _serve(server, f"{base}/healthz")


@contextmanager
def mlflow(directory: Path, python: Path) -> Iterator[Server]:
    """``mlflow server`` on SQLite with 4 workers."""
    port = _port()
    process = _start(
        [
            str(python),
            "-m",
            "mlflow",
            "server",
            f"--backend-store-uri=sqlite:///{directory / 'mlflow.db'}",
            f"--artifacts-destination={directory / 'artifacts'}",
            "--host=127.0.0.1",
            f"--port={port}",
            "--workers=4",
        ],
        directory,
        {},
    )
    base = f"http://127.0.0.1:{port}"
    server = Server(
        "MLflow",
        f"{base}/v1/traces",
        "",
        process,
        directory,
        "mlflow.db",
        {"x-mlflow-experiment-id": "0"},
    )
    yield from _serve(server, f"{base}/health")


def _serve(server: Server, ready: str) -> Iterator[Server]:
    try:
        deadline = time.monotonic() + 400
        while True:
            try:
                with urllib.request.urlopen(ready, timeout=5) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                pass
            if server.process.poll() is not None or time.monotonic() > deadline:
                log = (server.directory / "log").read_text(errors="replace")
                raise RuntimeError(f"{server.name} did not start:\n{log[-2000:]}")
            time.sleep(0.2)
        yield server
    finally:
        server.stop()


def _start(
    command: list[str], directory: Path, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("EVERYSPAN_", "PHOENIX_"))}
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, env=clean | environment, stdout=log, stderr=log)


def _port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from _tree(int(child))


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return int(fields[11]) + int(fields[12])
