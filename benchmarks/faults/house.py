"""The house under test: a real ``everyspan up`` with data, ports and rules of its own."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.faults.moments import until
from benchmarks.faults.processes import Process, send, tree
from demo.pagerduty import routes
from tests.everyspan_up import NAMES, ROOT, Up

_RULES = ROOT / "grafana" / "provisioning" / "alerting"
#: Seconds that a leak fires for; 900 as it comes. Long enough for every outage that is made here.
LEAK_SECONDS = 150
_SETTINGS = {
    "classify_trace_quiet_seconds": "0.3",
    "classify_interval_seconds": "0.1",
    "classify_workers": "1",
    "ingest_workers": "1",
    "grafana_evaluate_seconds": "2",
    "max_body_bytes": str(16 << 20),
    "max_decompressed_bytes": str(32 << 20),
    "max_pending_bytes": str(64 << 20),
}
STOP_SECONDS = 20.0
# Below those that the kernel gives to clients.
_PORTS = (12_000, 32_000)


@dataclass
class House(Up):
    """An `Up` that can be hit."""

    #: Variables of the next starts, such as a clock that is not ours.
    more: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)

    def launch(self) -> None:
        self.environment = self.own | self.more
        super().launch()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def processes(self, role: str) -> list[Process]:
        """Those of the tree that have the role."""
        return [each for each in tree(self.pid) if each.role == role]

    def signal(self, number: signal.Signals) -> None:
        """To the main process."""
        send(self.pid, number)

    def terminate(self, seconds: float = STOP_SECONDS) -> str:
        """SIGTERM. '' when it ended with status 0 in time, else what was wrong; it is gone then."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"SIGTERM was not obeyed within {seconds:.0f} s"
        return f"exit status {status} after SIGTERM" if status else ""

    def not_ready(self) -> str:
        """Which of its four doors does not answer as it should; ''."""
        if not self.alive:
            assert self.process is not None
            return f"the process is gone (status {self.process.returncode})"
        try:
            for port in ("otlp-http", "classify", "alerting"):
                answer = self.request("GET", "/readyz", port=port, timeout=5)
                if answer.status != 200:
                    return f"{port} /readyz: {answer.status} {answer.body[:200].decode()}"
            # One that is polite: the ClickHouse port has a place free.
            answer = self.request("POST", "/", b"SELECT 1", port="clickhouse", timeout=5)
            if answer.status != 200:
                return f"SELECT 1: {answer.status} {answer.body[:200].decode()}"
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def recovers(self, seconds: float) -> str:
        """Wait until it is ready by itself; '' or what is wrong with it after that time."""
        found = [""]

        def ready() -> bool:
            found[0] = self.not_ready()
            return not found[0] or not self.alive

        until(ready, seconds, 0.1)
        return found[0]

    def metric(self, name: str) -> float:
        """A value of /metrics, 0 where there is none."""
        try:
            text = self.request("GET", "/metrics", timeout=5).body.decode()
        except OSError:
            return 0.0
        found = re.search(rf"^{re.escape(name)} ([-\d.e+]+)$", text, re.M)
        return float(found[1]) if found else 0.0

    def clean(self) -> None:
        """Forget everything but the log."""
        for entry in self.data.iterdir() if self.data.exists() else ():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    def asleep(self, statement: str) -> list[dict[str, Any]]:
        """Rows of a SELECT over the directory, by an engine of our own; the house must be down."""
        code = (
            "import sys, json; from clickhouse.connection import connect;"
            " c = connect(sys.argv[1]); r = c.query(sys.argv[2]);"
            " rows = [dict(zip(r.column_names, map(str, row))) for row in r.result_rows];"
            " print(json.dumps(rows))"
        )
        dsn = f"chdb://{(self.data / 'clickhouse').resolve()}"
        done = subprocess.run(
            [sys.executable, "-c", code, dsn, statement],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return found

    def tail(self, lines: int = 150) -> str:
        """The end of its log."""
        return "\n".join(self.log().splitlines()[-lines:])


def build(directory: Path, data: Path, pagerduty: str) -> House:
    """A house in ``directory``, its data in ``data``, which pages the address ``pagerduty``."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "routes.toml"
    path.write_text(routes(pagerduty, "timeout_seconds = 3\n"))
    settings = {f"EVERYSPAN_{name.upper()}": value for name, value in _SETTINGS.items()}
    own = settings | {
        "EVERYSPAN_ALERT_ROUTES": str(path),
        "EVERYSPAN_GRAFANA_RULES": str(_rules(directory / "rules")),
        "PYTHONFAULTHANDLER": "1",
    }
    return House(data, _ports(), own=own)


def _ports() -> dict[str, int]:
    """Free ones that no client is given by the kernel while the house is down."""
    found: dict[str, int] = {}
    for name in NAMES:
        while name not in found:
            port = random.randrange(*_PORTS)
            with socket.socket() as sock, contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                if port not in found.values():
                    found[name] = port
    return found


def _rules(folder: Path) -> Path:
    """Everyspan's rules, with leaks that are over sooner."""
    folder.mkdir(exist_ok=True)
    for path in _RULES.glob("*.yaml"):
        document = yaml.safe_load(path.read_text())
        for group in document.get("groups", []):
            for rule in group["rules"]:
                if rule["uid"] == "everyspan-data-leakage":
                    rule["data"][0]["relativeTimeRange"]["from"] = LEAK_SECONDS
        (folder / path.name).write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def now() -> float:
    """Seconds; only differences mean anything."""
    return time.monotonic()
