"""A stand-in of a model hub on a real socket: what huggingface_hub asks one for, and no more.

Small files come straight, those in large file storage by a redirect to another host, as the hub
does it: HEAD says commit, size and ETag, GET gives ranges.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from tests.serving import serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """``files``: repository to file to bytes. ``gated``: repositories that ask for a licence.
    ``asked``: method and path of each request. ``broken_off``: downloads that end half-way, so many
    times."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.asked: list[str] = []
        self.broken_off = 0
        self.address = ""


@contextmanager
def hub() -> Iterator[Hub]:
    """One that answers on a port of its own."""
    it = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            it.asked.append(f"{self.command} {self.path}")
            path = unquote(urlsplit(self.path).path).strip("/")
            if path.startswith("api/models/"):
                name = path.removeprefix("api/models/")
                if name not in it.files:
                    return self._error(404, "RepoNotFound")
                return self._give(json.dumps({"id": name, "sha": COMMIT}).encode())
            if path.startswith("cdn/"):
                _, owner, repository, file = path.split("/", 3)
                return self._give(it.files[f"{owner}/{repository}"][file])
            owner, repository, _, revision, file = path.split("/", 4)
            name = f"{owner}/{repository}"
            if name in it.gated:
                return self._error(403, "GatedRepo")
            if name not in it.files:
                return self._error(404, "RepoNotFound")
            if revision not in (COMMIT, "main"):
                return self._error(404, "RevisionNotFound")
            if file not in it.files[name]:
                return self._error(404, "EntryNotFound")
            data = it.files[name][file]
            if not file.endswith(".onnx"):
                return self._give(data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"'})
            self.send_response(302)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Size", str(len(data)))
            self.send_header("X-Linked-ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            # Another host, as a hub's storage is one: its own redirects are followed by HEAD.
            storage = it.address.replace("127.0.0.1", "localhost")
            self.send_header("Location", f"{storage}/cdn/{name}/{file}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def _give(self, data: bytes, more: dict[str, str] | None = None) -> None:
            start = 0
            if given := self.headers.get("Range"):
                start = int(given.removeprefix("bytes=").partition("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            for name, value in (more or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if it.broken_off and self.path.startswith("/cdn/"):
                it.broken_off -= 1
                self.wfile.write(data[start : len(data) // 2])
                self.close_connection = True
                return
            self.wfile.write(data[start:])

        def _error(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(Handler) as address:
        it.address = address
        yield it
