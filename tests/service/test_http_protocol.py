"""Connections over real sockets: none is held open for nothing, and every refusal can be read."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from service.caller import Gate
from service.http_protocol import ConnectionLimits
from service.serve import Site, server_of

MB = 1 << 20
BODY = bytes(60 * MB)


class App:
    """/early refuses before it reads, /late after 1 MB, anything else reads all and says how much
    it was. ``gone``: requests whose sender went away."""

    def __init__(self) -> None:
        self.gone = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        size = 0
        more = scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            size += len(message["body"])
            more = message["more_body"] and not (scope["path"] == "/late" and size > MB)
        status = 413 if scope["path"] in ("/early", "/late") else 200
        headers = [(b"content-length", b"%d" % len(str(size)))]
        if scope["query_string"] == b"close":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": str(size).encode()})


@contextmanager
def serving(app: App, **limits: Any) -> Iterator[int]:
    """The port."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    # Who calls is asked elsewhere.
    app.gate = Gate("test", "", SecretStr(""))  # type: ignore[attr-defined]
    server = server_of(Site("test", app, "127.0.0.1", 0, "", ConnectionLimits(**limits)))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield int(sock.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(App()) as port:
        yield port


def raw(port: int, data: bytes, timeout: float = 30) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    sock.sendall(data)
    return sock


def answer(sock: socket.socket) -> bytes:
    """Until the server closes."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def pieces() -> Iterator[bytes]:
    for at in range(0, len(BODY), MB):
        yield BODY[at : at + MB]


@pytest.mark.parametrize("how", ["length", "chunked"])
@pytest.mark.parametrize("path", ["/early", "/late", "/early?close", "/late?close"])
def test_a_refusal_is_read_by_who_sends_first_and_reads_then(
    port: int, path: str, how: str
) -> None:
    for _ in range(3):
        found = requests.post(
            f"http://127.0.0.1:{port}{path}",
            data=BODY if how == "length" else pieces(),
            timeout=60,
        )
        assert found.status_code == 413


def test_one_connection_goes_on_after_a_refusal(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for path, status in (("/early", 413), ("/", 200), ("/late", 413), ("/", 200)):
        connection.request("POST", path, BODY[: 8 * MB])
        found = connection.getresponse()
        found.read()
        assert found.status == status


def test_who_asks_first_is_refused_without_being_told_to_go_on(port: int) -> None:
    head = b"POST /early?close HTTP/1.1\r\nHost: t\r\nContent-Length: 9999\r\n"
    with raw(port, head + b"Expect: 100-continue\r\n\r\n") as sock:
        assert answer(sock).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_end_is_not_drained_for_ever() -> None:
    with serving(App(), drain_bytes=4 * MB) as port:
        sock = raw(port, b"POST /early HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        with sock, pytest.raises((ConnectionResetError, BrokenPipeError)):
            sock.sendall((b"100000\r\n" + bytes(MB) + b"\r\n") * 64)
    with serving(App(), drain_seconds=1) as port:
        sock = raw(port, b"POST /early HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\n")
        assert answer(sock).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("sent", [b"", b"GE", b"GET / HTTP/1.1\r\nHost: t\r\nX: "])
def test_headers_have_a_deadline(sent: bytes) -> None:
    with serving(App(), header_seconds=0.5) as port:
        socks = [raw(port, sent) for _ in range(50)]
        began = time.monotonic()
        for sock in socks:
            found = answer(sock)
            assert found.startswith(b"HTTP/1.1 408 ") if sent else found == b""
        assert time.monotonic() - began < 30


# Waits for the first refusal, and goes while the server is at the next ones.
GONE = """
import select, socket, sys
waiting = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(200)]
for sock in waiting:
    sock.sendall(b"GET / HTTP/1.1\\r\\nx:")
select.select(waiting, [], [])
for sock in waiting:
    sock.close()
"""


def test_senders_that_go_while_they_are_refused_end_themselves_alone() -> None:
    with serving(App(), header_seconds=1.0) as port:
        for _ in range(3):
            subprocess.run([sys.executable, "-c", GONE, str(port)], check=True, timeout=30)
        last = raw(port, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert answer(last).startswith(b"HTTP/1.1 200")


def test_trickling_headers_do_not_move_the_deadline() -> None:
    with serving(App(), header_seconds=1) as port, raw(port, b"GET / HTTP/1.1\r\n") as sock:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 40:
                sock.sendall(b"a: b\r\n")
                time.sleep(0.05)
        assert time.monotonic() - began < 30


def test_an_idle_connection_ends() -> None:
    with serving(App(), idle_seconds=1) as port:
        sock = raw(port, b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        began = time.monotonic()
        assert answer(sock).startswith(b"HTTP/1.1 200 ")
        assert 0.5 < time.monotonic() - began < 30


@pytest.mark.parametrize("path", [b"/", b"/late"])
def test_a_body_that_stalls_is_answered_and_let_go(path: bytes) -> None:
    app = App()
    with serving(app, stall_seconds=0.5) as port:
        head = b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\nx" % path
        with raw(port, head) as sock:
            found = answer(sock)
        assert found.startswith(b"HTTP/1.1 408 ")
        assert b"too slowly" in found
        deadline = time.monotonic() + 30
        while not app.gone:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_body_that_trickles_is_answered() -> None:
    app = App()
    with serving(app, body_seconds=1, body_rate=1000) as port:
        sock = raw(port, b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9999\r\n\r\n")
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while not app.gone and time.monotonic() - began < 40:
                sock.sendall(b"x")
                time.sleep(0.02)
        assert time.monotonic() - began < 30
        assert answer(sock).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * MB,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200_000,
        b"GET / HTTP/1.1\r\na: " + b"b" * MB,
        b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
        + b"a: b\r\n" * 200_000,
        b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * MB,
    ],
    ids=["url", "headers", "header", "trailers", "chunk extension"],
)
def test_what_is_no_body_is_bounded(port: int, endless: bytes) -> None:
    with raw(port, endless) as sock:
        sock.shutdown(socket.SHUT_WR)
        found = answer(sock)
    assert found.split()[1] in (b"431", b"400")


def test_a_body_is_bounded_where_the_application_does_not() -> None:
    with serving(App(), body_bytes=MB) as port:
        found = requests.post(f"http://127.0.0.1:{port}/", data=pieces(), timeout=30)
        assert found.status_code == 413


def test_over_the_limit_the_longest_waiting_makes_room() -> None:
    with serving(App(), connections=20) as port:
        idle = [raw(port, b"") for _ in range(20)]
        time.sleep(0.2)
        # A new one is served all the same.
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 200
        assert idle[0].recv(1) == b""


def test_when_all_have_a_request_the_next_is_told_so() -> None:
    with serving(App(), connections=20) as port:
        head = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nx"
        busy = [raw(port, head) for _ in range(20)]
        time.sleep(0.2)
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 503
        for sock in busy:
            sock.sendall(b"12345678")
            assert sock.recv(100).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_turn(port: int) -> None:
    one = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s"
    last = b"POST /?close HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc"
    with raw(port, one % (1, b"a") + one % (2, b"ab") + last) as sock:
        found = answer(sock)
    assert [part[-1:] for part in found.split(b"HTTP/1.1 200 OK")[1:]] == [b"1", b"2", b"3"]


def test_a_client_that_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http_protocol._UNREAD_SECONDS", 1.0)

    class Large(App):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await super().__call__(scope, receive, send)
                return
            size = 64 * MB
            headers = [(b"content-length", b"%d" % size)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": bytes(size)})

    with serving(Large()) as port, raw(port, b"GET / HTTP/1.1\r\nHost: t\r\n\r\n") as sock:
        time.sleep(5)
        assert len(answer(sock)) < 64 * MB
