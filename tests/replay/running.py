"""Records agents and replays their traces, in processes of their own, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.everyspan_up import ROOT, Up


@dataclass(frozen=True)
class Done:
    """What a command printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.out.startswith("{"), self.out + self.err
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def run(self) -> dict[str, Any]:
        """The only run."""
        (run,) = self.json["runs"]
        assert isinstance(run, dict)
        return run


@dataclass
class Replays:
    """`everyspan` in the agent's environment: the SDK, and nothing of the server."""

    up: Up
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    _workers: dict[tuple[tuple[str, str], ...], subprocess.Popen[str]] = field(default_factory=dict)

    def record(self, module: str, *arguments: str, **environment: str) -> list[str]:
        """Runs the module and waits for its spans; its lines."""
        done = self.python("-m", f"tests.replay.agents.{module}", *arguments, **environment)
        assert done.status == 0, done.err
        self.up.sent()
        self.up.until_visible()
        return done.out.splitlines()

    def replay(self, trace_id: str, *arguments: str, **environment: str) -> Done:
        """`everyspan replay TRACE_ID … --json`."""
        return self.everyspan("replay", trace_id, *arguments, "--json", **environment)

    def everyspan(self, *arguments: str, **environment: str) -> Done:
        """The command, in a process that runs others with the same environment too."""
        self.calls_file.write_text("", encoding="utf-8")
        key = tuple(sorted((self.environment | environment).items()))
        if key not in self._workers:
            self._workers[key] = subprocess.Popen(
                [sys.executable, "-m", "tests.replay.agents.worker"],
                cwd=ROOT,
                env=self._environment(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        worker = self._workers[key]
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(arguments) + "\n")
        worker.stdin.flush()
        return Done(*json.loads(worker.stdout.readline()))

    def close(self) -> None:
        """Ends the processes."""
        for worker in self._workers.values():
            worker.kill()  # each replay has sent its spans
            worker.communicate()

    def python(self, *arguments: str, folder: Path = ROOT, **environment: str) -> Done:
        """A process of its own."""
        self.calls_file.write_text("", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        held = {k: v for k, v in os.environ.items() if not k.startswith(("EVERYSPAN_", "OTEL_"))}
        held |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.up.ports['otlp-http']}",
            "EVERYSPAN_CLICKHOUSE_PORT": str(self.up.ports["clickhouse"]),
            "CALLS": str(self.calls_file),
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_API_KEY": "none",
        }
        return held | self.environment | more

    @property
    def calls_file(self) -> Path:
        return self.folder / "calls"

    @property
    def calls(self) -> list[str]:
        """What really ran in the latest process."""
        return self.calls_file.read_text(encoding="utf-8").splitlines()

    def stored(self, trace_id: str) -> list[dict[str, Any]]:
        return self.up.spans(trace_id)
