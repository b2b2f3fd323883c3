"""From a span's end to the request that PagerDuty gets, in embedded mode at default schedules.

    python benchmarks/alert_latency/run.py [--minutes 5] [--critical 40] [--rate 20]
    python benchmarks/alert_latency/run.py --grafana URL --ports clickhouse=N,alerting=N

``everyspan up`` as a process of its own with nothing set but ports, data and one PagerDuty route to
a stand-in; agents with OpenTelemetry's batch processor as it is. Failures come at random times, so
that they meet every phase of the schedules, on top of a stream of healthy traces. Each failure has
a service of its own, hence an alert of its own. With ``--grafana`` the rules are evaluated there:
provisioned from grafana/provisioning, its data source and its contact point led to the ports named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from benchmarks.alert_latency.traffic import (  # noqa: E402
    Exporter,
    agent,
    healthy,
    ports_of,
    turn,
)
from benchmarks.suite import figures  # noqa: E402
from demo.pagerduty import PagerDuty, pagerduty, routes  # noqa: E402
from tests.everyspan_up import Up  # noqa: E402

#: What p95 has to be under, of one span and of a fail rate.
CRITICAL_SECONDS, RATE_SECONDS = 15.0, 45.0
_PATIENCE_SECONDS = 180
STAGES = (
    "span's end → ingest's answer",
    "→ verdict",
    "→ rule fires",
    "→ webhook accepts",
    "→ PagerDuty's request",
)
# Calls of a tool of which half fail: over min_judged and over every fail rate.
_CALLS = 24


@dataclass
class Failure:
    """One planted failure. Times in seconds since 1970."""

    service: str
    classifier: str
    at: float
    ended: float = 0.0
    paged: float = 0.0
    exporter: Exporter | None = None
    stages: dict[str, float] = field(default_factory=dict)


def play(failure: Failure, up: Up, rng: Random) -> None:
    """Send it when its time has come."""
    provider, failure.exporter = agent(failure.service, up)
    time.sleep(max(0.0, failure.at - time.time()))
    if failure.classifier == "data_leakage":
        letters = "".join(
            rng.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=36)
        )
        failure.ended = turn(provider, rng, f"The sync uses the token ghp_{letters}.")
    else:
        for number in range(_CALLS):
            broken = "TimeoutError: no answer after 10 s" if number % 2 else ""
            failure.ended = turn(provider, rng, "It has shipped.", broken)
    time.sleep(30)
    provider.shutdown()


def measure(failure: Failure, up: Up, alerts: dict[str, dict[str, Any]]) -> None:
    """Split what lies between the span's end and the page."""
    assert failure.exporter is not None
    alert = alerts[f"{failure.service} {failure.classifier}"]
    (row,) = up.query(
        "SELECT toUnixTimestamp64Milli(max(verdict_at)) / 1000 AS judged FROM everyspan.spans"
        f" WHERE service_name = '{failure.service}'"
    )
    fired = datetime.fromisoformat(alert["alert"]["startsAt"]).timestamp()
    times = (
        failure.ended,
        failure.exporter.acknowledged,
        float(row["judged"]),
        fired,
        alert["created_at"] / 1000,
        failure.paged,
    )
    spans = pairwise(times)
    failure.stages = {
        name: max(0.0, end - start) for name, (start, end) in zip(STAGES, spans, strict=True)
    }


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def line(name: str, seconds: list[float]) -> str:
    """One row of the table."""
    figures = [statistics.median(seconds), quantile(seconds, 0.95), max(seconds)]
    return f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |"


def table(name: str, failures: list[Failure], limit: float) -> bool:
    """Print one; whether p95 is under the limit and every failure was told."""
    told = [f for f in failures if f.paged]
    whole = [f.paged - f.ended for f in told]
    print(f"\n{name}: {len(told)} of {len(failures)} told\n")
    print("| stage | p50 s | p95 s | max s |\n|---|---:|---:|---:|")
    for stage in STAGES:
        print(line(stage, [f.stages[stage] for f in told]))
    print(line("**span's end to PagerDuty**", whole))
    return len(told) == len(failures) and quantile(whole, 0.95) < limit


def listed(up: Up) -> dict[str, dict[str, Any]]:
    """Service and classifier to the first delivery that was made of it."""
    answer = up.request("GET", "/v1/alerts?limit=1000", port="alerting")
    found: dict[str, dict[str, Any]] = {}
    for row in reversed(json.loads(answer.body)["deliveries"]):
        if row["event"] == "trigger":
            found.setdefault(f"{row['service']} {row['classifier']}", row)
    for row in found.values():
        row |= json.loads(up.request("GET", f"/v1/alerts/{row['id']}", port="alerting").body)
    return found


def watch(failures: list[Failure], server: PagerDuty) -> int:
    """Note pages as they come. Returns how many failures are not told yet."""
    paged: dict[tuple[str, str], float] = {}
    for at, event in server.events:
        payload = event["payload"]
        paged.setdefault((payload["group"], payload["class"]), at / 1e9)
    for failure in failures:
        failure.paged = paged.get((failure.service, failure.classifier), 0.0)
    return sum(not failure.paged for failure in failures)


def answers(url: str) -> bool:
    """Whether a Grafana is there that evaluates our rules."""
    with urllib.request.urlopen(f"{url}/api/v1/provisioning/alert-rules", timeout=10) as answer:
        return any(rule["uid"].startswith("everyspan-") for rule in json.load(answer))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="in which the failures come")
    parser.add_argument("--critical", type=int, default=40, help="leaked keys: one span alerts")
    parser.add_argument("--rate", type=int, default=20, help="failing tools: a fail rate alerts")
    parser.add_argument("--healthy", type=float, default=1.0, help="healthy traces a second")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--grafana", default="", help="URL of one that evaluates the rules")
    parser.add_argument(
        "--ports", default="", help="that it asks and tells: clickhouse=N,alerting=N"
    )
    given = parser.parse_args()
    if given.grafana and not answers(given.grafana):
        parser.error(f"{given.grafana} has none of the rules of grafana/provisioning")
    rng = Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="alert-latency-") as folder, pagerduty() as server:
        path = Path(folder) / "routes.toml"
        path.write_text(routes(server.url))
        environment = {"EVERYSPAN_ALERT_ROUTES": str(path)}
        if given.grafana:
            environment["EVERYSPAN_GRAFANA_EVALUATE"] = "false"
        # A Grafana remembers the services of an earlier run.
        run = f"{int(time.time()) % 100_000}"
        up = Up(Path(folder) / "data", ports_of(given.ports), environment)
        up.start()
        try:
            start = time.time() + 5
            kinds = ["data_leakage"] * given.critical + ["tool_call_error"] * given.rate
            failures = [
                Failure(f"{kind}-{run}-{number}", kind, start + rng.random() * given.minutes * 60)
                for number, kind in enumerate(kinds)
            ]
            stop = threading.Event()
            threading.Thread(target=healthy, args=(up, given.healthy, stop), daemon=True).start()
            threads = [
                threading.Thread(target=play, args=(f, up, Random(rng.random())), daemon=True)
                for f in failures
            ]
            for thread in threads:
                thread.start()
            deadline = start + given.minutes * 60 + _PATIENCE_SECONDS
            while watch(failures, server) and time.time() < deadline:
                time.sleep(0.5)
            stop.set()
            time.sleep(2)
            alerts = listed(up)
            for failure in failures:
                if failure.paged:
                    measure(failure, up, alerts)
            by = "a Grafana" if given.grafana else "everyspan up"
            print(f"Rules evaluated by {by}, {os.cpu_count()} cores, ", end="")
            print(f"Python {platform.python_version()}, ", end="")
            print(f"{given.minutes:g} minutes, {given.healthy:g} healthy traces a second")
            critical = [f for f in failures if f.classifier == "data_leakage"]
            rates = [f for f in failures if f.classifier == "tool_call_error"]
            good = [
                table("Critical: one span", critical, CRITICAL_SECONDS),
                table("Fail rate", rates, RATE_SECONDS),
            ]
            for name, told in (("one span", critical), ("a fail rate", rates)):
                whole = [f.paged - f.ended for f in told if f.paged]
                if len(whole) == len(told):
                    figures.tell(f"alert of {name}, p95 s", quantile(whole, 0.95), "s")
            if server.refused:
                print("PagerDuty's schema refused:", *server.refused[:5], sep="\n  ")
            return 0 if all(good) and not server.refused else 1
        finally:
            if up.process is not None and up.process.poll() is None:
                up.stop()


if __name__ == "__main__":
    sys.exit(main())
