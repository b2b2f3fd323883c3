"""A local stand-in for PagerDuty's Events API v2: takes what its schema allows, refuses the rest.

https://developer.pagerduty.com/api-reference/368ae3d938c9e-send-an-event-to-pager-duty
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA: dict[str, Any] = json.loads(
    Path(__file__).with_name("events_v2.json").read_text(encoding="utf-8")
)
#: An integration key of the right length.
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


def routes(url: str, more: str = "") -> str:
    """TOML of an alerting service that tells all to the PagerDuty at ``url``. ``more``: lines of
    the destination."""
    return (
        f'[destinations.oncall]\ntype = "pagerduty"\nrouting_key = "{ROUTING_KEY}"\n'
        f'url = "{url}"\n{more}\n[[routes]]\ndestinations = ["oncall"]\n'
    )


class PagerDuty(ThreadingHTTPServer):
    """``events``: (ns since 1970, event) of those that were taken, in order; ``refused``: what the
    schema says of the others."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.refused: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where events are sent to."""
        return f"http://127.0.0.1:{self.server_address[1]}/v2/enqueue"

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and answer, as PagerDuty's."""
        at = time.time_ns()
        try:
            event = json.loads(body)
        except ValueError:
            return 400, self._refuse("JSON parse error")
        errors = [
            f"{'.'.join(map(str, error.path)) or 'event'}: {error.message}"
            for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(event)
        ]
        if errors:
            return 400, self._refuse(*errors)
        self.events.append((at, event))
        key = event.get("dedup_key", "")
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}

    def _refuse(self, *errors: str) -> dict[str, Any]:
        self.refused += errors
        told = "Event object is invalid"
        return {"status": "invalid event", "message": told, "errors": list(errors)}


class Handler(BaseHTTPRequestHandler):
    server: PagerDuty

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        self.answer(*self.server.take(body))

    def answer(self, status: int, answer: dict[str, Any], retry_after: str = "") -> None:
        """Send it. ``retry_after``: seconds, '' for no such header."""
        data = json.dumps(answer).encode()
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def pagerduty() -> Iterator[PagerDuty]:
    """One that listens on a free port."""
    server = PagerDuty()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
