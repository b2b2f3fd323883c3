"""An endpoint that is away, silent, slow or refuses: real processes, real sockets."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.sdk.receiver import receiving

versions = pytest.importorskip(
    "everyspan.versions", reason="the SDK is not installed: pip install -e sdk"
)

from everyspan._delivery import _reason  # noqa: E402

CERTIFICATES = Path(__file__).parents[1] / "service" / "certificates"
#: Prints how long the exit took: an atexit function that is registered first runs last.
PROGRAM = """
import atexit, time
atexit.register(lambda: print(f"exit {{time.monotonic() - ended:.2f}}"))
{before}
import everyspan
everyspan.init(service="s", instrument=False)

@everyspan.step
def plain(number): ...

for number in range({spans}):
    plain(number)
{after}
ended = time.monotonic()
"""
THEIRS = """
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": "s"})))
"""


def run(
    folder: Path, endpoint: str, spans: int = 3, before: str = "", after: str = "", **environ: str
) -> tuple[float, str]:
    """`(seconds of the exit, stderr)` of a program that makes spans and ends."""
    source = PROGRAM.format(before=before, spans=spans, after=after)
    (folder / "agent.py").write_text(source, encoding="utf-8")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "EVERYSPAN_"))}
    done = subprocess.run(
        [sys.executable, "agent.py"],
        cwd=folder,
        env={**clean, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ},
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return float(done.stdout.split("exit ")[1]), done.stderr


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that is ours and on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """Accepts, reads, never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        for connection in held:
            connection.close()


def told(stderr: str) -> list[str]:
    """Lines but the first, which says where the spans go."""
    first, *others = stderr.splitlines()
    assert first.startswith("everyspan: spans of 's' go to "), stderr
    return others


@pytest.mark.parametrize("before", ["", THEIRS], ids=["ours", "theirs"])
def test_nobody_listens(tmp_path: Path, before: str) -> None:
    with closed_port() as port:
        seconds, stderr = run(tmp_path, f"http://127.0.0.1:{port}", before=before)
    (line,) = told(stderr)
    assert f"http://127.0.0.1:{port} can't be reached (connection refused)" in line
    assert "everyspan up" in line
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in line
    assert seconds < 3, "1 s, and the rest for a busy machine"


def test_a_name_that_is_not_known(tmp_path: Path) -> None:
    seconds, stderr = run(tmp_path, "http://no-such-host.invalid:4318")
    (line,) = told(stderr)
    assert "no-such-host.invalid:4318 can't be reached (its name is not known)" in line
    assert seconds < 7  # a resolver may take its time; then it is silence


@pytest.mark.parametrize(
    ("scheme", "certificate", "remedy"),
    [
        ("https", True, "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ("http", True, "begins with https://"),
        ("https", False, "begins with http://"),
    ],
)
def test_tls_where_there_is_none_and_the_other_way_round(
    scheme: str, certificate: bool, remedy: str
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATES / "first.crt", CERTIFICATES / "first.key")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(requests.RequestException) as met:
            requests.get(f"{scheme}://127.0.0.1:{server.server_port}", timeout=10)
        server.shutdown()
    assert remedy in _reason(met.value)[1]


@pytest.mark.parametrize("before", ["", THEIRS], ids=["ours", "theirs"])
def test_silence_is_waited_for_as_long_as_is_set(tmp_path: Path, before: str) -> None:
    with silent_port() as port:
        seconds, stderr = run(
            tmp_path, f"http://127.0.0.1:{port}", before=before, EVERYSPAN_EXIT_SECONDS="2"
        )
    assert 1.9 < seconds < 5
    (line,) = told(stderr)
    assert f"did not arrive: http://127.0.0.1:{port} did not answer within 2 s" in line


def test_flush_ends_in_time(tmp_path: Path) -> None:
    after = "began = time.monotonic(); sent = everyspan.flush(1); took = time.monotonic() - began\n"
    after += "assert not sent and took < 3, (sent, took)"
    with silent_port() as port:
        run(tmp_path, f"http://127.0.0.1:{port}", after=after, EVERYSPAN_EXIT_SECONDS="0.5")


@pytest.mark.parametrize("before", ["", THEIRS], ids=["ours", "theirs"])
def test_a_slow_endpoint_loses_nothing(tmp_path: Path, before: str) -> None:
    """Two seconds a batch, four batches: longer than the limit, which each answer begins anew."""
    with receiving(delay=2.0) as receiver:
        _, stderr = run(tmp_path, receiver.endpoint, spans=2000, before=before)
    assert len(receiver.spans) == 2000
    assert told(stderr) == []


def test_one_that_comes_back_is_sent_to(tmp_path: Path) -> None:
    """The first try is refused, as the server is still starting; nothing is lost."""
    after = "time.sleep(4)"
    with closed_port() as port:
        endpoint = f"http://127.0.0.1:{port}"
    result: list[tuple[float, str]] = []
    thread = threading.Thread(
        target=lambda: result.append(
            run(tmp_path, endpoint, after=after, OTEL_BSP_SCHEDULE_DELAY="200")
        )
    )
    thread.start()
    time.sleep(1.5)
    with receiving(port=port) as receiver:
        thread.join()
    assert len(receiver.spans) == 3


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "EVERYSPAN_INGEST_TOKEN"),
        (404, "base address of OTLP/HTTP"),
        (503, "sent again"),
    ],
)
def test_an_answer_that_refuses(tmp_path: Path, status: int, remedy: str) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        seconds, stderr = run(tmp_path, endpoint, EVERYSPAN_EXIT_SECONDS="2")
    finally:
        server.shutdown()
        server.server_close()
    (line,) = told(stderr)
    assert f"answered {status}" in line
    assert remedy in line
    assert seconds < 5


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("0.0.9", "upgrade the server, or pip install 'everyspan-sdk==0.0.*'"),
        (versions.own(), ""),
        ("99.0.0", ""),
        ("of another kind", ""),
        ("", ""),
    ],
)
def test_a_server_that_does_not_fit(tmp_path: Path, server: str, said: str) -> None:
    """Said once, however many batches there are; what is sent arrives all the same."""
    answers = {versions.HEADER: server} if server else {}
    with receiving(headers=answers) as receiver:
        _, stderr = run(tmp_path, receiver.endpoint, spans=1100, OTEL_BSP_SCHEDULE_DELAY="50")
    assert len(receiver.spans) == 1100
    assert len(receiver.headers) > 1
    assert receiver.spans[0].resource["telemetry.distro.name"] == "everyspan-sdk"
    assert receiver.spans[0].resource["telemetry.distro.version"] == versions.own()
    lines = told(stderr)
    assert len(lines) == bool(said)
    assert said in "".join(lines)


@pytest.mark.parametrize(
    ("sdk", "server", "newer"),
    [
        ("0.2.0", "0.1.9", True),
        ("1.0.0", "0.9.0", True),
        ("0.10.0", "0.9.3", True),
        ("0.1.9", "0.1.0", False),
        ("0.1.0", "0.2.0", False),
        ("0.2.0rc1", "0.1.0", True),
        ("", "0.1.0", False),
        ("0.2.0", "²٣.1", False),
        ("0.2.0", "9" * 5000 + ".1", False),
    ],
)
def test_which_is_newer(sdk: str, server: str, newer: bool) -> None:
    assert versions.newer(sdk, server) is newer


def test_quiet_says_nothing(tmp_path: Path) -> None:
    with closed_port() as port:
        _, stderr = run(tmp_path, f"http://127.0.0.1:{port}", EVERYSPAN_QUIET="1")
    assert stderr == ""


def test_a_wrong_number_of_seconds_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(tmp_path, "http://127.0.0.1:9", EVERYSPAN_EXIT_SECONDS="soon")
    assert "EVERYSPAN_EXIT_SECONDS='soon'; give a number of seconds" in failed.value.stderr
