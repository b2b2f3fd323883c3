"""``everyspan demo``: the whole way of a span, on this machine, with an agent that fails on cue.

``everyspan up`` and the agent run as processes of their own, as they would anywhere; what is
printed is read back over the same HTTP port that Grafana would use.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.client import Client as ClickHouse
from pydantic import SecretStr
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from classify.coverage import coverage
from cli import demo_report
from cli.console import console, error_line, errors, plain_errors
from clickhouse.connection import connect
from demo.pagerduty import PagerDuty, pagerduty, routes
from service.client import CallError, Client

_START_SECONDS = 60
_JUDGE_SECONDS = 300
#: The rules' interval, the policy's group_wait, and a slow machine.
_ALERT_SECONDS = 180
#: The classifier whose alert is shown.
_SHOWN = "hallucination"
_PORTS = {
    "otlp-http": 4318,
    "otlp-grpc": 4317,
    "clickhouse": 8123,
    "alerting": 8085,
    "classify": 8086,
    "web": 8080,
}


@dataclass(frozen=True)
class _Stack:
    """A running ``everyspan up``."""

    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    log: Path

    @property
    def otlp(self) -> str:
        return f"http://127.0.0.1:{self.ports['otlp-http']}"

    @property
    def clickhouse(self) -> str:
        return f"http://127.0.0.1:{self.ports['clickhouse']}"


def demo(
    exit_: Annotated[
        bool,
        typer.Option("--exit", help="End when the report is printed."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Directory to keep the data in; a temporary one by default."),
    ] = None,
) -> None:
    """Start everything, send a failing agent's traffic, show what was found."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="everyspan-demo-") as temporary:
        directory = data or Path(temporary)
        with (
            pagerduty() as pager,
            _progress() as progress,
            _stack(directory, _alerting(Path(temporary), pager), progress) as stack,
        ):
            traffic = _send(stack, progress)
            client = connect(stack.clickhouse)
            _wait_for_verdicts(client, traffic["spans_sent"], progress, stack)
            alert = _wait_for_alert(pager, progress, stack)
            progress.stop()
            complete = demo_report.show(client, traffic)
            demo_report.alert(alert, len(pager.events), pager.refused)
            complete = complete and not pager.refused
            demo_report.where_to_look(stack.otlp, stack.clickhouse, stack.ports, traffic, directory)
            if not exit_:
                console.print("\nEverything stays up until you press Ctrl-C.")
                with _until_interrupted():
                    stack.process.wait()
    if not complete:
        raise typer.Exit(1)


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        console=console,
    )


def _alerting(folder: Path, pager: PagerDuty) -> dict[str, str]:
    """The environment of an alerting service that tells the pager and knows the agent's source."""
    path = folder / "routes.toml"
    path.write_text(routes(pager.url), encoding="utf-8")
    sources = Path(sys.modules[PagerDuty.__module__].__file__ or "").parents[1]
    return {"EVERYSPAN_ALERT_ROUTES": str(path), "EVERYSPAN_SOURCE_ROOTS": str(sources)}


@contextmanager
def _stack(directory: Path, alerting: dict[str, str], progress: Progress) -> Iterator[_Stack]:
    directory.mkdir(parents=True, exist_ok=True)
    ports = {name: _free(port) for name, port in _PORTS.items()}
    for name, port in ports.items():
        if port != _PORTS[name]:
            progress.console.print(
                f"port {_PORTS[name]} is taken; {name} is on {port}", style="yellow"
            )
    task = progress.add_task("Starting ingest, classify, alerting, ClickHouse", total=1)
    log = directory / "everyspan.log"
    options = [f"--{name}-port={port}" for name, port in ports.items()]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("EVERYSPAN_")
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            # -P: a folder here may hold packages of the same names.
            [sys.executable, "-P", "-m", "cli.main", "up", f"--data={directory}", *options],
            stdout=output,
            stderr=output,
            env=environment | alerting,
            start_new_session=True,
        )
    stack = _Stack(process, ports, log)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_ready(stack):
            if process.poll() is not None or time.monotonic() > deadline:
                _give_up(stack, "everyspan up did not start")
            time.sleep(0.1)
        progress.update(task, completed=1)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _send(stack: _Stack, progress: Progress) -> dict[str, Any]:
    """Run the agent's traffic. Returns what ``demo.traffic --json`` says of it at the end."""
    task = progress.add_task("Running the agent's conversations", total=None)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "demo.traffic", f"--endpoint={stack.otlp}", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        traffic: dict[str, Any] = {}
        for line in process.stdout or ():
            message = json.loads(line)
            if "progress" in message:
                done, total = message["progress"]
                progress.update(task, completed=done, total=total)
            else:
                traffic = message["traffic"]
    if process.returncode or not traffic:
        _give_up(stack, "the demo agent failed; see above")
    return traffic


def _wait_for_verdicts(client: ClickHouse, spans: int, progress: Progress, stack: _Stack) -> None:
    task = progress.add_task("Judging every span", total=spans)
    deadline = time.monotonic() + _JUDGE_SECONDS
    while True:
        found = coverage(client, "everyspan")
        progress.update(task, completed=found.judged, total=max(spans, found.rows))
        if found.rows >= spans and not found.pending:
            return
        if time.monotonic() > deadline or stack.process.poll() is not None:
            _give_up(stack, f"{found.pending} of {found.rows} rows have no verdicts yet")
        time.sleep(0.5)


def _wait_for_alert(pager: PagerDuty, progress: Progress, stack: _Stack) -> dict[str, Any]:
    """The event that PagerDuty got of the planted hallucinations."""
    task = progress.add_task("Waiting for the rules to fire", total=1)
    deadline = time.monotonic() + _ALERT_SECONDS
    while True:
        for _, event in list(pager.events):
            if event.get("payload", {}).get("class") == _SHOWN:
                progress.update(task, completed=1)
                return event
        if time.monotonic() > deadline or stack.process.poll() is not None:
            _give_up(stack, f"no alert of {_SHOWN} within {_ALERT_SECONDS} s")
        time.sleep(0.5)


def _give_up(stack: _Stack, reason: str) -> None:
    error_line(f"{reason}; the end of its log says:")
    lines = stack.log.read_text(errors="replace").splitlines()
    errors.print("\n".join(lines[-20:]))
    raise typer.Exit(1)


def _is_ready(stack: _Stack) -> bool:
    ingest = Client("ingest", "127.0.0.1", stack.ports["otlp-http"], SecretStr(""), "", seconds=2)
    try:
        ingest.call("GET", "/readyz", text=True)
    except CallError:
        return False
    return True


def _free(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(sock.getsockname()[1])
    raise AssertionError("the system always has a free port")


@contextmanager
def _until_interrupted() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        console.print("\nStopping.")
    finally:
        signal.signal(signal.SIGTERM, previous)
