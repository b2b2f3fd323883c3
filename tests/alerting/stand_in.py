"""A destination on a socket: keeps what it is sent, checks PagerDuty's schema, answers as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema

from demo.pagerduty import SCHEMA
from tests.connections import reset


class StandIn(ThreadingHTTPServer):
    """``answers``: status, Retry-After or what to do ('reset', 'hang') for each request in turn,
    202 after them. ``taken``: bodies that were answered with 2xx; ``tried``: all, and of each its
    path, headers (names in lower case) and bytes."""

    daemon_threads = True

    def __init__(self, *, pagerduty: bool = True) -> None:
        self.answers: list[int | str | tuple[int, str]] = []
        self.taken: list[dict[str, Any]] = []
        self.tried: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.problems: list[str] = []
        self.times: list[float] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                body = json.loads(data)
                outer.bodies.append(data)
                outer.paths.append(self.path)
                outer.headers.append({k.lower(): v for k, v in self.headers.items()})
                outer.times.append(time.monotonic())
                outer.tried.append(body)
                if pagerduty:
                    try:
                        jsonschema.validate(body, SCHEMA)
                    except jsonschema.ValidationError as error:
                        outer.problems.append(error.message)
                answer = outer.answers.pop(0) if outer.answers else 202
                if answer == "hang":
                    time.sleep(4)
                    answer = "reset"
                if answer == "reset":
                    reset(self.connection)
                    return
                status, after = answer if isinstance(answer, tuple) else (int(answer), "")
                if status < 300:
                    outer.taken.append(body)
                self.send_response(status)
                if after:
                    self.send_header("Retry-After", after)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v2/enqueue"


@contextmanager
def stand_in(*, pagerduty: bool = True) -> Iterator[StandIn]:
    server = StandIn(pagerduty=pagerduty)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def wait(condition: Callable[[], bool], told: Callable[[], object], seconds: float = 60) -> None:
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.05)
