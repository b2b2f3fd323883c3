"""How many incidents an outage opens where a real Grafana evaluates the rules.

    python -m benchmarks.alert_outage.run --grafana URL --grafana-command COMMAND
        --ports clickhouse=N,alerting=N [--away 5,60,600] [--settle 150]

``everyspan up`` takes spans and judges them; Grafana (started and restarted here by COMMAND,
provisioned from grafana/provisioning) and the alerting service (a process of its own) reach
ClickHouse through a proxy on the port named, which is away for so many seconds. One service's tool
fails all the time, so that one incident is open throughout; healthy traces come beside it.
PagerDuty is a stand-in that counts incidents as PagerDuty does: a trigger of a key that is not open
opens one.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.alert_latency.traffic import agent, healthy, ports_of, turn
from benchmarks.faults.moments import until
from benchmarks.faults.proxy import Proxy
from demo.pagerduty import PagerDuty, pagerduty, routes
from tests.everyspan_up import Up, begun

_START_SECONDS = 120
_FIRST_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Incident:
    """Times in seconds since 1970; ``closed`` 0 where it is open."""

    key: str
    summary: str
    opened: float
    closed: float = 0.0


def incidents(server: PagerDuty) -> list[Incident]:
    """As PagerDuty would have them, in the order in which they were opened."""
    found: list[Incident] = []
    opened: dict[str, int] = {}
    for at, event in list(server.events):
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger" and key not in opened:
            opened[key] = len(found)
            found.append(Incident(key, event["payload"]["summary"], at / 1e9))
        elif action == "resolve" and key in opened:
            number = opened.pop(key)
            one = found[number]
            found[number] = Incident(one.key, one.summary, one.opened, at / 1e9)
    return found


class Process:
    """One that is started, ended with SIGTERM and started again."""

    def __init__(self, command: list[str], url: str, log: Path, **environment: str) -> None:
        self._command, self._url, self._log = command, url, log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        process = begun(self._command, self._log, self._environment, session=True)
        self._process = process
        until(lambda: self._answers() or process.poll() is not None, _START_SECONDS, 0.2)
        if process.poll() is not None or not self._answers():
            raise AssertionError(f"{self._command[0]} did not start, see {self._log}")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False


def failing(up: Up, stop: threading.Event) -> None:
    """A service whose tool fails half the time."""
    provider, _ = agent("failing", up)
    rng = Random(2)
    number = 0
    while not stop.wait(2):
        number += 1
        broken = "TimeoutError: no answer after 10 s" if number % 2 else ""
        turn(provider, rng, "It has shipped.", broken)
    provider.shutdown()


def scenario(name: str, act: Callable[[], None], server: PagerDuty, settle: float) -> bool:
    """Do it, wait for what follows, print a row of the table; whether it opened one at most and
    all that it opened has ended."""
    before = len(incidents(server))
    open_before = [each.key for each in incidents(server) if not each.closed]
    began = time.time()
    act()
    over = time.time()
    time.sleep(settle)
    found = incidents(server)[before:]
    ended = [each for each in found if each.closed]
    still = [each.key for each in incidents(server) if not each.closed]
    kept = all(key in still for key in open_before)
    what = "; ".join(f"“{each.summary[:90]}” after {each.opened - began:.0f} s" for each in found)
    closed = ", ".join(f"{each.closed - over:+.0f} s" for each in ended)
    print(
        f"| {name} | {len(found)} | {what or '–'} | {closed or '–'} |"
        f" {'stays open' if kept else 'was closed'} |",
        flush=True,
    )
    return len(found) <= 1 and len(ended) == len(found) and kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grafana", required=True, help="its URL")
    parser.add_argument("--grafana-command", required=True, help="starts it in the foreground")
    parser.add_argument("--ports", required=True, help="clickhouse=N,alerting=N, as provisioned")
    parser.add_argument("--away", default="5,60,600", help="seconds")
    parser.add_argument("--settle", type=float, default=150, help="seconds after each")
    given = parser.parse_args()
    ports = ports_of("")
    asked = ports_of(given.ports)
    with tempfile.TemporaryDirectory(prefix="alert-outage-") as folder, pagerduty() as server:
        path = Path(folder)
        up = Up(path / "data", ports, {"EVERYSPAN_GRAFANA_EVALUATE": "false"})
        told = path / "routes.toml"
        told.write_text(routes(server.url))
        up.start()
        proxy = Proxy(up.ports["clickhouse"], Random(1), asked["clickhouse"])
        alerting = Process(
            [
                *(sys.executable, "-m", "cli.main", "alerting"),
                f"--data={path / 'alerting'}",
                f"--alerting-port={asked['alerting']}",
                f"--clickhouse-dsn=http://127.0.0.1:{proxy.port}",
            ],
            f"http://127.0.0.1:{asked['alerting']}/readyz",
            path / "alerting.log",
            EVERYSPAN_ALERT_ROUTES=str(told),
        )
        grafana = Process(
            shlex.split(given.grafana_command), f"{given.grafana}/api/health", path / "grafana.log"
        )
        stop = threading.Event()
        try:
            alerting.start()
            grafana.start()
            for each in (healthy, failing):
                arguments = (up, 1.0, stop) if each is healthy else (up, stop)
                threading.Thread(target=each, args=arguments, daemon=True).start()
            if not until(lambda: bool(incidents(server)), _FIRST_SECONDS, 1):
                raise AssertionError("the failing service pages nobody")
            # Its other rules follow.
            time.sleep(given.settle)
            print(f"open before: {[each.summary for each in incidents(server)]}\n")
            print("| what | incidents opened | which | ended after it was over | open one |")
            print("|---|---:|---|---|---|")

            def away(seconds: float) -> Callable[[], None]:
                def act() -> None:
                    proxy.mood = "away"
                    time.sleep(seconds)
                    proxy.mood = "ok"

                return act

            good = [
                scenario("Grafana restarted", grafana.restart, server, given.settle),
                scenario("alerting restarted", alerting.restart, server, given.settle),
            ]
            for seconds in map(float, given.away.split(",")):
                name = f"ClickHouse away for {seconds:g} s"
                good.append(scenario(name, away(seconds), server, given.settle))
            if server.refused:
                print("PagerDuty's schema refused:", *server.refused[:5], sep="\n  ")
            return 0 if all(good) and not server.refused else 1
        finally:
            stop.set()
            grafana.stop()
            alerting.stop()
            proxy.close()
            if up.process is not None and up.process.poll() is None:
                up.stop()


if __name__ == "__main__":
    sys.exit(main())
