"""The local endpoint of a replay answers those alone who have its token, on real sockets."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan.replay.endpoint import Endpoint
from everyspan.replay.errors import ReplayError

PATH = "/v1/chat/completions"


class _Model(BaseHTTPRequestHandler):
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """Of the endpoint, with a model behind it."""
    _Model.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Endpoint() as endpoint:
        yield endpoint.url(f"http://127.0.0.1:{server.server_address[1]}/v1")
    server.shutdown()
    server.server_close()


def _post(address: str, path: str, host: str | None = None) -> tuple[int, str]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    headers = {"Authorization": "Bearer key", **({"Host": host} if host else {})}
    connection.request("POST", path, json.dumps({"model": "m", "messages": []}), headers)
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    return answer.status, said


def test_with_the_token_the_model_answers(address: str) -> None:
    assert _post(address, f"{urlsplit(address).path}/chat/completions") == (200, "{}")
    assert _Model.asked == 1


def test_without_the_token_nothing_is_asked(address: str) -> None:
    own = urlsplit(address).path  # /TOKEN/0/v1
    token = own.split("/")[1]
    assert len(token) >= 40
    for path in (
        f"/0{PATH}",
        PATH,
        "/",
        f"//0{PATH}",
        own.replace(token, token[:-1]),
        own.replace(token, f"{token}x"),
        own.replace(token, token.swapcase()),
        f"/0/../{token}{PATH}",
        f"/?{token}",
    ):
        status, said = _post(address, path)
        assert status == 401, path
        assert "no token of this replay" in said
        assert token not in said
    assert _post(address, f"/{token}/7{PATH}")[0] == 404
    assert _Model.asked == 0


def test_other_names_of_this_machine_are_refused(address: str) -> None:
    parts = urlsplit(address)
    for host in (
        "evil.example",
        f"evil.example:{parts.port}",
        f"localhost:{parts.port}",
        "127.0.0.1",
    ):
        assert _post(address, f"{parts.path}/chat/completions", host)[0] == 403, host
    assert _Model.asked == 0


def test_each_run_of_the_command_has_a_token_of_its_own() -> None:
    with Endpoint() as one, Endpoint() as other:
        first, second = one.url("http://model/v1"), other.url("http://model/v1")
    assert urlsplit(first).path != urlsplit(second).path


@pytest.mark.parametrize("base", ["file:///etc/passwd", "ftp://host/x", "/etc/passwd", ""])
def test_a_model_is_asked_over_http_only(base: str) -> None:
    with Endpoint() as endpoint, pytest.raises(ReplayError, match="no http"):
        endpoint.url(base)
