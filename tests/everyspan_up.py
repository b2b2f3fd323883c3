"""``everyspan up`` as a process of its own, for tests that want the real thing on real sockets."""

from __future__ import annotations

import fcntl
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.migrated_house import lay_out

ROOT = Path(__file__).resolve().parents[1]
#: How old what readers see may be, where a test does not say.
LAG = "0.1"
#: A part that is there, by its name: not one that is being written or merged.
_PART = re.compile(r"(?P<partition>[0-9a-z]+)_\d+_(?P<last>\d+)_\d+(_\d+)?")
_LAG_VARIABLE = "EVERYSPAN_CLICKHOUSE_LAG_SECONDS"
NAMES = ("otlp-http", "otlp-grpc", "clickhouse", "alerting", "classify", "web")


def unset() -> dict[str, str]:
    """The environment without settings of the caller's."""
    return {k: v for k, v in os.environ.items() if not k.startswith("EVERYSPAN_")}


def begun(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    root: Path = ROOT,
    *,
    session: bool = False,
) -> subprocess.Popen[bytes]:
    """A process of ``root``'s code. ``log``: what it says goes there, after what stands there;
    ``environment``: beside the caller's, without its settings; ``session``: one of its own, for a
    command that starts others."""
    with log.open("ab") as written:
        return subprocess.Popen(
            command,
            cwd=root,
            env=unset() | dict(environment),
            stdout=written,
            stderr=written,
            start_new_session=session,
        )


@dataclass(frozen=True)
class Answer:
    """Status, lower-case headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Up:
    """A running ``everyspan up`` and its ports by option name."""

    data: Path
    ports: dict[str, int]
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    #: Where the code is.
    root: Path = ROOT
    #: Where it writes what it has to say; beside ``data`` by default.
    log_path: Path | None = None

    #: Up to where each partition of each table was written when something was last sent.
    _written: dict[tuple[str, str], int] = field(default_factory=dict)

    def start(self) -> None:
        """Start and wait until spans can be stored."""
        self.launch()
        assert self.process is not None
        deadline = time.monotonic() + 120
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"everyspan up did not start:\n{self.log()}")
            time.sleep(0.05)

    def launch(self) -> None:
        """Start, and wait for nothing."""
        options = [f"--{name}-port={port}" for name, port in self.ports.items()]
        command = (sys.executable, "-m", "cli.main", "up", f"--data={self.data}")
        self.process = begun(
            [*command, "--host=127.0.0.1", *options], self._log, self.environment, self.root
        )

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.log_path or self.data.parent / f"{self.data.name}.log"

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"everyspan up did not stop:\n{self.log()}") from None

    def is_ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            return self.request("GET", "/readyz").status == 200
        except OSError:
            return False

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        port: str = "otlp-http",
        timeout: float = 60,
    ) -> Answer:
        """One HTTP request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            found = {k.lower(): v for k, v in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def post(
        self,
        path: str,
        body: bytes,
        content_type: str = "application/x-protobuf",
        **headers: str,
    ) -> Answer:
        """POST to the OTLP port; header names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.request("POST", path, body, {"content-type": content_type, **named})
        self.sent()
        return answer

    def sent(self) -> None:
        """Something was stored by other means than ``post``: queries wait until they see it."""
        self._written = self._on_disk()

    def until_visible(self) -> None:
        """Wait until readers see what was sent: how long that takes depends on the machine."""
        until = time.monotonic() + 30
        while self._written:
            found = {
                (row["uuid"], row["partition_id"]): int(row["block"])
                for row in self._ask(
                    "SELECT t.uuid AS uuid, p.partition_id AS partition_id,"
                    " max(p.max_block_number) AS block FROM system.tables AS t"
                    " LEFT JOIN system.parts AS p ON t.database = p.database AND t.name = p.table"
                    " AND p.active GROUP BY uuid, partition_id"
                )
            }
            known = {uuid for uuid, _ in found}
            waits = {
                at: block
                for at, block in self._written.items()
                if at[0] in known and found.get(at, -1) < block
            }
            if not waits:
                self._written = {}
            elif time.monotonic() > until:
                raise AssertionError(f"readers never saw {waits}, but {found}\n{self.log()}")
            else:
                time.sleep(0.05)

    def _on_disk(self) -> dict[tuple[str, str], int]:
        """(table's UUID, partition) to the number of the latest block that is there."""
        found: dict[tuple[str, str], int] = {}
        for part in self.data.glob("clickhouse/store/*/*/*_*_*_*"):
            if name := _PART.fullmatch(part.name):
                at = (part.parent.name, name["partition"])
                found[at] = max(found.get(at, 0), int(name["last"]))
        return found

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a SELECT through the ClickHouse HTTP port, with all that was posted before."""
        self.until_visible()
        return self._ask(sql)

    def _ask(self, sql: str) -> list[dict[str, Any]]:
        path = "/?" + urlencode({"default_format": "JSONEachRow"})
        answer = self.request("POST", path, sql.encode(), port="clickhouse")
        assert answer.status == 200, answer.body.decode()
        return [json.loads(line) for line in answer.body.decode().splitlines()]

    def spans(self, trace_id: str, columns: str = "*") -> list[dict[str, Any]]:
        """Rows of one trace by start time."""
        return self.query(
            f"SELECT {columns} FROM everyspan.spans WHERE trace_id = '{trace_id}'"
            " ORDER BY start_time, span_id"
        )

    def judged(self, trace_ids: list[str], timeout: float = 60) -> None:
        """Wait until every row of these traces has its verdicts."""
        ids = ", ".join(f"'{i}'" for i in trace_ids)
        deadline = time.monotonic() + timeout
        while True:
            rows = self.query(
                "SELECT count() AS n, countIf(verdict_version = 0) AS pending FROM everyspan.spans"
                f" WHERE trace_id IN ({ids})"
            )[0]
            if int(rows["n"]) and not int(rows["pending"]):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not judged in {timeout} s: {rows}\n{self.log()}")
            time.sleep(0.2)


@contextmanager
def running(data: Path, root: Path = ROOT, **environment: str) -> Iterator[Up]:
    """Start on free ports, stop at the end. ``environment``: EVERYSPAN_ settings without prefix.
    ``root``: whose code runs. It does all in one process where nothing else is said: a worker takes
    as long to start as the rest."""
    alone = {"ingest_workers": "0", "classify_workers": "0"}
    if not data.exists():
        lay_out(data, root, unset())
    up = Up(data, free_ports(), _settings(alone | environment), root=root)
    up.start()
    try:
        yield up
    finally:
        if up.process is not None and up.process.poll() is None:
            up.stop()


@contextmanager
def shared(folder: Path, **environment: str) -> Iterator[Up]:
    """As ``running``, for all processes that name the same folder: the first starts it, the last
    stops it. Each holds a lock in the folder, which goes with the process, however it ends."""
    up = Up(folder / "up" / "data", free_ports(), _settings(environment))
    note = folder / "up.json"
    with (folder / "up.lock").open("w") as alone, (folder / "up.used").open("w") as used:
        fcntl.flock(alone, fcntl.LOCK_EX)
        fcntl.flock(used, fcntl.LOCK_SH)
        if note.exists():
            pid, up.ports = json.loads(note.read_text())
        else:
            up.data.parent.mkdir()
            up.start()
            assert up.process is not None
            pid = up.process.pid
            note.write_text(json.dumps([pid, up.ports]))
        fcntl.flock(alone, fcntl.LOCK_UN)
        try:
            yield up
        finally:
            fcntl.flock(alone, fcntl.LOCK_EX)
            try:
                fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _STARTED.append(up)  # others use it
            else:
                note.unlink()
                os.kill(pid, signal.SIGTERM)
                if up.process is not None:
                    up.process.wait(30)


#: Processes that go on after the one that started them.
_STARTED: list[Up] = []


def _settings(environment: dict[str, str]) -> dict[str, str]:
    settings = {f"EVERYSPAN_{name.upper()}": value for name, value in environment.items()}
    return {_LAG_VARIABLE: LAG} | settings


#: Below those that the kernel gives away: what is free now is free once the house listens.
_FIRST_PORT, _PROCESSES, _PORTS_EACH = 20_000, 40, 300
_asked_for = itertools.count()


def free_ports() -> dict[str, int]:
    """A free port for each of the services, of this process's own share of them."""
    first = _FIRST_PORT + os.getpid() % _PROCESSES * _PORTS_EACH
    tried = (first + next(_asked_for) % _PORTS_EACH for _ in range(_PORTS_EACH))
    found = dict(zip(NAMES, filter(_is_free, tried), strict=False))
    assert len(found) == len(NAMES), f"no free ports from {first} on"
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
