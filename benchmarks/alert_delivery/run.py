"""Many notifications in random order, odd ones among them, and the service killed between: is each
state of each alert told once?

    python benchmarks/alert_delivery/run.py [--notifications 10000] [--restarts 10] [--seed 1]

``everyspan alerting`` as a process of its own, one webhook that takes most messages and answers the
others with 503, 429 or 400. What must come out is reckoned here from what was posted, without the
product's state machine: a trigger where an alert begins to fire, a resolve where it ends.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.everyspan_up import free_ports  # noqa: E402

#: What a fingerprint says in turn; f: fires, r: is resolved. Under six changes, so that none flaps.
SCRIPTS = ("f", "ff", "fr", "ffr", "frf", "frr", "frfr", "rf", "rfr", "frffr")
ODD: tuple[dict[str, Any], ...] = (
    {"startsAt": "2026-11-28T22:00:00"},
    {"startsAt": "0001-01-01T00:00:00Z"},
    {"startsAt": None},
    {"endsAt": "soon"},
    {"annotations": {"summary": "x", "window_seconds": "3²"}},
    {"annotations": {"summary": "x", "window_seconds": "9" * 5000}},
    {"annotations": {"summary": "{{ humanizePercentage $values.B.Value }}"}},
    {"annotations": None, "values": {"A": "many", "B": None}},
    {"labels": {"alertname": 5, "service": None, "list": [1, {"x": 2}]}},
    {"labels": {"alertname": "\x00\x1b[2J <!channel> ```", "service": "a\nb"}},
    {"labels": ["none"]},
    {"panelURL": "javascript:alert(1)", "generatorURL": 7},
)


class Receiver(ThreadingHTTPServer):
    """``taken``: how often (dedup key, event) was answered with 2xx."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, seed: int) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[int] = Counter()
        self._random, self._lock = Random(seed), threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A sender that was killed."""

    def answer(self, body: dict[str, Any]) -> int:
        with self._lock:
            status: int = self._random.choices((202, 503, 429, 400), (94, 4, 1, 1))[0]
            self.answers[status] += 1
            if status == 202:
                self.taken[body["dedup_key"], body["event"]] += 1
        return status


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status = self.server.answer(body)
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@dataclass
class Service:
    """The process, started again where it was killed."""

    data: Path
    routes: Path
    port: int = field(default_factory=lambda: free_ports()["alerting"])
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "alerting",
                 f"--alerting-port={self.port}", f"--data={self.data}"],
                cwd=ROOT, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "EVERYSPAN_ALERT_ROUTES": str(self.routes)},
            )  # fmt: skip
        end = time.monotonic() + 300
        while self.ask("GET", "/healthz")[0] != 200:
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"it did not start: {(self.data / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def end(self, how: int) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=120)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status 0: no answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"content-type": "application/json"} if body else {}
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()


def notifications(count: int, random: Random) -> list[tuple[str, str, dict[str, Any]]]:
    """Fingerprint, what it says, and the body; '' for bodies that are none."""
    scripts: dict[str, list[str]] = {}
    while sum(map(len, scripts.values())) < count:
        scripts[f"a{len(scripts)}"] = list(random.choice(SCRIPTS))
    order = [name for name, script in scripts.items() for _ in script]
    random.shuffle(order)
    found = []
    for name in order[:count]:
        said = scripts[name].pop(0)
        if random.random() < 0.03:
            found.append(("", "", {"status": "firing", "alerts": [random.choice([7, "x", None])]}))
        alert: dict[str, Any] = {
            "status": "firing" if said == "f" else "resolved",
            "labels": {"alertname": name, "service": "shop", "severity": "warning"},
            "annotations": {"summary": f"{name} says {said}"},
            # Grafana may repeat it when an alert fires anew.
            "startsAt": "2026-11-28T22:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z" if said == "f" else "2026-11-28T22:10:00Z",
        }
        if random.random() < 0.2:
            alert |= random.choice(ODD)
        alert["fingerprint"] = name
        body = {"receiver": "everyspan", "status": alert["status"], "alerts": [alert],
                "groupKey": name, "orgId": 1, "truncatedAlerts": random.choice([0, 0, 40]),
                "title": name}  # fmt: skip
        found.append((name, said, body))
    return found


def expected(said: list[str]) -> list[str]:
    """Events of what a fingerprint said in turn."""
    events, fires = [], False
    for each in said:
        if (each == "f") != fires:
            fires = each == "f"
            events.append("trigger" if fires else "resolve")
    return events


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notifications", type=int, default=10_000)
    parser.add_argument("--restarts", type=int, default=10, help="Every other one is kill -9.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    random = Random(given.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Receiver(given.seed) as receiver:
        data = Path(folder)
        routes = data / "routes.toml"
        routes.write_text(
            '[destinations.hook]\ntype = "webhook"\n'
            f'url = "http://127.0.0.1:{receiver.server_address[1]}/"\n'
            '[[routes]]\ndestinations = ["hook"]\n'
        )
        service = Service(data, routes)
        service.start()
        posts = notifications(given.notifications, random)
        stops = set(random.sample(range(1, len(posts)), given.restarts))
        said: dict[str, list[str]] = {}
        stopped = refused = again = 0
        for number, (name, what, body) in enumerate(posts):
            document = json.dumps(body).encode()
            if number in stops:
                # While it has things in hand; every other one without a warning.
                stopped += 1
                service.end(signal.SIGKILL if stopped % 2 else signal.SIGTERM)
                service.start()
            # As Grafana does: again until it is answered; and a few retries of what was answered.
            times = 2 if random.random() < 0.05 else 1
            while times:
                status, _ = service.ask("POST", "/v1/grafana", document)
                if status in (202, 400):
                    times -= 1
                else:
                    again += 1
                    time.sleep(0.1)
            if name:
                assert status == 202, body
                said.setdefault(name, []).append(what)
            else:
                assert status == 400, body
                refused += 1
        posted = time.monotonic() - began
        end = time.monotonic() + 900
        counts: dict[str, int] = {"pending": 1}
        while counts["pending"] and time.monotonic() < end:
            time.sleep(1)
            counts = json.loads(service.ask("GET", "/v1/alerts?limit=1")[1] or "{}").get(
                "counts", counts
            )
        ready, text = service.ask("GET", "/readyz")
        service.end(signal.SIGTERM)
        file = sqlite3.connect(data / "alerting" / "notifications.sqlite3")
        waits = file.execute("SELECT count(*) FROM notifications WHERE NOT processed").fetchone()[0]
        events: dict[str, list[str]] = {}
        for name, event in file.execute("SELECT fingerprint, event FROM deliveries ORDER BY id"):
            events.setdefault(name, []).append(event)
        sent = file.execute("SELECT count(*) FROM deliveries WHERE status = 'sent'").fetchone()[0]
        file.close()
        wrong = {
            name: (told, events.get(name, []))
            for name, what in said.items()
            if (told := expected(what)) != events.get(name, [])
        }
        result = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "notifications": len(posts) - refused,
            "refused by name": refused,
            "alerts": len(said),
            "states to be told": sum(len(expected(what)) for what in said.values()),
            "restarts": f"{stopped}, {(stopped + 1) // 2} of them kill -9",
            "posts tried again": again,
            "delivered": counts["sent"] + counts["folded"],
            "dead (answered with 400)": counts["dead"],
            "pending": counts["pending"],
            "notifications not understood": waits,
            "alerts told wrongly, or not once a state": len(wrong),
            "messages": sum(receiver.taken.values()),
            "sent again after a kill": sum(receiver.taken.values()) - sent,
            "answers": dict(receiver.answers),
            "ready at the end": ready == 200 and text.startswith(b"ok"),
            "seconds": [round(posted), round(time.monotonic() - began)],
        }
        print(json.dumps(result, indent=2))
        if wrong:
            print(dict(list(wrong.items())[:5]))
        return int(bool(wrong or waits or counts["pending"]))


if __name__ == "__main__":
    raise SystemExit(main())
