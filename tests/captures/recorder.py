"""An OTLP/HTTP receiver that stores every POST body byte for byte.

``python recorder.py --port 9902 --out DIR --library NAME --version NAME=1.2 --scenario S`` keeps
``/v1/traces`` and ``/v1/logs`` as ``NNN_<signal>.{pb,json}[.gz]`` (``.gz``: the body as sent, with
its gzip content encoding), only counts ``/v1/metrics``, and writes ``capture.json`` after every
request. Answers are OTLP's: 200 with an empty body of the request's encoding.

``python recorder.py --port 9902 --out DIR ... -- python agent.py`` runs an agent against itself:
OTEL_EXPORTER_OTLP_ENDPOINT is set for it, and the recorder ends when the agent does, with its
exit status.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")
STORED = ("traces", "logs")


@dataclass(slots=True)
class Capture:
    """What one recording is about and what has come in so far."""

    out: Path
    library: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    scenario: str = ""
    content_mode: str = ""
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    metrics_requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Store one body; the file's name carries order, signal, encoding, compression."""
        signal = path.rstrip("/").rsplit("/", 1)[-1]
        with self.lock:
            if signal not in STORED:
                self.metrics_requests += 1
            else:
                encoding = "json" if "json" in headers.get("content-type", "") else "pb"
                suffix = ".gz" if headers.get("content-encoding") == "gzip" else ""
                name = f"{len(self.files) + 1:03d}_{signal}.{encoding}{suffix}"
                (self.out / name).write_bytes(body)
                self.files[name] = {"path": path, **headers}
            self.write()

    def write(self) -> None:
        """Write ``capture.json``."""
        text = json.dumps(
            {
                "library": self.library,
                "versions": self.versions,
                "scenario": self.scenario,
                "recorded": datetime.date.today().isoformat(),
                "content_mode": self.content_mode,
                "metrics_requests": self.metrics_requests,
                "files": self.files,
            },
            indent=2,
        )
        (self.out / "capture.json").write_text(text + "\n")


def handler_for(capture: Capture) -> type[BaseHTTPRequestHandler]:
    """A request handler bound to one capture."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

        def do_POST(self) -> None:
            body = self._body()
            found = {k: self.headers[k] for k in KEPT_HEADERS if self.headers.get(k)}
            capture.add(self.path, found, body)
            is_json = "json" in (self.headers.get("content-type") or "")
            answer = b"{}" if is_json else b""
            self.send_response(200)
            kind = "application/json" if is_json else "application/x-protobuf"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if (self.headers.get("transfer-encoding") or "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)

    return Handler


def main() -> int:
    """Record until interrupted, or until the given agent ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--library", default="")
    parser.add_argument("--version", action="append", default=[], metavar="NAME=VERSION")
    parser.add_argument("--scenario", default="")
    parser.add_argument("--content-mode", default="")
    parser.add_argument("agent", nargs="*", help="command to run, after --")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    versions = dict(v.split("=", 1) for v in options.version)
    scenario = options.scenario or options.out.name
    capture = Capture(options.out, options.library, versions, scenario, options.content_mode)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler_for(capture))
    if not options.agent:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            capture.write()
        return 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    status = subprocess.call(
        options.agent, env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    )
    capture.write()
    return status


if __name__ == "__main__":
    sys.exit(main())
