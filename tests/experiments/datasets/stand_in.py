"""A server that takes what the clients of evaluation services send: real sockets, no judgement."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Taken:
    """Requests in order: method, path, content type, body."""

    address: str = ""
    requests: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    def to(self, path: str) -> list[bytes]:
        """Bodies that were sent to a path that ends so."""
        return [body for method, at, _, body in self.requests if at.endswith(path) and body]


@contextmanager
def stand_in(answers: dict[str, Any]) -> Iterator[Taken]:
    """``answers``: JSON by the end of the path."""
    taken = Taken()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            size = int(self.headers.get("Content-Length") or 0)
            kind = self.headers.get("Content-Type", "")
            taken.requests.append((self.command, path, kind, self.rfile.read(size)))
            found = next((value for end, value in answers.items() if path.endswith(end)), {})
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
