"""Every route of every application asks who is calling, over real sockets, and so will the next."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from clickhouse.embedded_http.app import App
from clickhouse.embedded_http.process import ReaderProcess
from ingest.grpc_server import _SERVICES, GrpcServer
from ingest.receiver import Receiver
from ingest.settings import IngestSettings
from service.caller import FREE
from service.serve import Site
from service.stack import whole
from service.stack_settings import UpSettings
from tests.everyspan_up import ROOT
from web.settings import WebSettings

TOKEN = "s3cret"
TOKENS = {
    "ingest_token": TOKEN,
    "classify_token": TOKEN,
    "alerting_token": TOKEN,
    "web_token": TOKEN,
    "clickhouse_password": TOKEN,
}
#: What ClickHouse's clients ask before they log in; each says "Ok." and nothing else.
CLICKHOUSE_FREE = {("GET", "/ping"), ("GET", "/replicas_status"), ("GET", "/"), ("HEAD", "/")}
CLICKHOUSE = [
    *(("GET", path) for path in ("/ping", "/replicas_status", "/", "/?query=SELECT+1", "/play")),
    *(("POST", path) for path in ("/", "/?query=SELECT+1", "/?database=system", "/x")),
    ("HEAD", "/"),
    ("HEAD", "/?query=SELECT+1"),
    ("OPTIONS", "/"),
    ("DELETE", "/"),
]


def sites(data: Path, **given: Any) -> list[Site]:
    """All that `everyspan up` serves, made as it makes them and not started: whoever gets past a
    gate finds nobody home, and whoever does not must not notice."""
    common = {"data": data, **given}
    return whole(
        UpSettings(**common),
        IngestSettings(**common),
        ClassifySettings(classify_workers=0, **common),
        AlertingSettings(**common),
        WebSettings(**common),
    ).sites


@contextmanager
def served(app: Any, host: str = "127.0.0.1") -> Iterator[int]:
    """On a free port. Readers have a process of their own: here only what asks who calls."""
    if isinstance(app, ReaderProcess):
        nobody: Any = object()
        app = App(nobody, nobody, app.gate, max_request_bytes=1 << 20)
    config = uvicorn.Config(app, host, 0, lifespan="off", log_level="critical", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)


def routes(app: Any) -> list[tuple[str, str]]:
    """Method and path of each, parameters filled in, and one that is not there."""
    if not isinstance(app, FastAPI):
        return CLICKHOUSE
    found = []
    for route in iter_route_contexts(app.routes):
        path = re.sub(r"\{\w+\}", "1", route.path)
        found += [(method, path) for method in sorted(route.methods or ["GET"])]
    assert {path for _, path in found} >= {"/metrics", *FREE}
    return [*found, ("GET", "/"), ("POST", "/v1/nothing"), ("OPTIONS", found[0][1])]


def ask(
    port: int, method: str, path: str, host: str = "127.0.0.1", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, lower-case headers and body; ``headers`` with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, named)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def is_free(site: Site, method: str, path: str) -> bool:
    return path in FREE if isinstance(site.app, FastAPI) else (method, path) in CLICKHOUSE_FREE


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> list[Site]:
    """With every token set."""
    return sites(tmp_path_factory.mktemp("closed"), **TOKENS)


@pytest.fixture(scope="module")
def without_tokens(tmp_path_factory: pytest.TempPathFactory) -> list[Site]:
    """As on a developer's machine."""
    return sites(tmp_path_factory.mktemp("open"))


WHOLE = {"OTLP/HTTP", "classify", "alerting", "web", "ClickHouse HTTP"}


def test_without_its_token_every_route_refuses(closed: list[Site]) -> None:
    assert {site.name for site in closed} == WHOLE
    asked = 0
    for site in closed:
        with served(site.app) as port:
            for method, path in routes(site.app):
                if is_free(site, method, path):
                    continue
                for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
                    # A proxy on this machine: /metrics is for programs on it, with or without.
                    given = {"X_Forwarded_For": "192.0.2.1", "Content_Type": "application/json"}
                    status, headers, body = ask(port, method, path, **given, **wrong)
                    assert status in (401, 403), (site.name, method, path, status, body)
                    challenge = headers.get("www-authenticate", "")
                    assert status == 403 or challenge.startswith("Bearer")
                    assert ("Basic" in challenge) <= (site.name == "web"), "only browsers"
                    assert not [name for name in headers if name.startswith("access-control")]
                    assert method == "HEAD" or body
                    assert TOKEN.encode() not in body
                    asked += 1
    assert asked > 100


def test_with_a_token_the_caller_is_let_in(closed: list[Site]) -> None:
    """From another machine, by whatever name it calls us."""
    given = {"Authorization": f"Bearer {TOKEN}", "Host": "ingest:4318", "Via": "1.1 proxy"}
    for site in closed:
        if isinstance(site.app, FastAPI):
            with served(site.app) as port:
                assert ask(port, "GET", "/metrics", **given)[0] == 200
                assert ask(port, "GET", "/nothing", **given)[0] == 404
                assert ask(port, "GET", "/metrics")[0] == 200, "a Prometheus on this machine"
                assert ask(port, "GET", "/healthz", Host="x", X_Forwarded_For="1.2.3.4")[0] == 200


def test_the_error_names_the_setting(closed: list[Site]) -> None:
    wanted = {
        "OTLP/HTTP": ("/v1/traces", "EVERYSPAN_INGEST_TOKEN"),
        "classify": ("/v1/experiments/x/stop", "EVERYSPAN_CLASSIFY_TOKEN"),
        "alerting": ("/v1/silences", "EVERYSPAN_ALERTING_TOKEN"),
        "web": ("/", "EVERYSPAN_WEB_TOKEN"),
    }
    for site in closed:
        if site.name in wanted:
            path, setting = wanted[site.name]
            with served(site.app) as port:
                status, _, body = ask(port, "POST", path, Content_Type="application/json")
                assert status == 401
                assert setting.encode() in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example:4318"},
        {"Host": "127.0.0.1.example"},
        {"Host": "0.0.0.0:4318"},
        {"Origin": "https://page.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X_Real_IP": "127.0.0.1"},
    ],
    ids=str,
)
def test_no_web_page_and_no_proxy_gets_in_without_a_token(
    without_tokens: list[Site], headers: dict[str, str]
) -> None:
    """Not even as a request that a browser sends across sites unasked."""
    assert {site.name for site in without_tokens} == WHOLE
    for site in without_tokens:
        with served(site.app) as port:
            for method, path in routes(site.app):
                if not is_free(site, method, path):
                    typed = {"Content_Type": "text/plain"} if method == "POST" else {}
                    status, answered, _ = ask(port, method, path, **headers, **typed)
                    assert status == 403, (site.name, method, path)
                    assert not [name for name in answered if name.startswith("access-control")]


def test_a_simple_request_changes_nothing(without_tokens: list[Site]) -> None:
    """A page of an old browser, without Origin and Sec-Fetch-Site: what it may send is no JSON."""
    for site in without_tokens:
        if site.name in ("classify", "alerting"):
            with served(site.app) as port:
                for method, path in routes(site.app):
                    if method not in ("GET", "HEAD") and path not in FREE:
                        for kind in ("text/plain", "text/plain; x=application/json"):
                            assert ask(port, method, path, Content_Type=kind)[0] == 415


def test_two_headers_of_one_name_are_none(without_tokens: list[Site]) -> None:
    site = next(site for site in without_tokens if site.name == "classify")
    with served(site.app) as port, socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(
            b"GET /v1/classifiers HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert re.match(rb"HTTP/1.1 40[03] ", sock.recv(1000))


def test_another_machine_gets_in_by_no_header(without_tokens: list[Site]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address than loopback")
        own = sock.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("this machine has no other address than loopback")
    for site in without_tokens:
        with served(site.app, "0.0.0.0") as port:
            for method, path in routes(site.app):
                if not is_free(site, method, path):
                    given = {"Host": "localhost", "X_Forwarded_For": "127.0.0.1"}
                    status, _, _ = ask(port, method, path, own, **given)
                    assert status == 403, (site.name, method, path)
                    assert ask(port, method, path, own, Host="localhost")[0] == 403


def test_readiness_tells_its_reason_only_to_those_who_may_know(without_tokens: list[Site]) -> None:
    site = next(site for site in without_tokens if site.name == "classify")
    with served(site.app) as port:
        assert ask(port, "GET", "/readyz")[::2] == (503, b"not ready: starting\n")
        assert ask(port, "GET", "/readyz", Host="pod.example")[::2] == (503, b"not ready\n")


def test_a_route_that_forgets_is_asked_all_the_same(closed: list[Site]) -> None:
    for site in closed:
        if isinstance(site.app, FastAPI):

            async def forgetful() -> str:
                return "everything"

            site.app.router.routes.append(APIRoute("/v1/forgetful", forgetful, methods=["GET"]))
            with served(site.app) as port:
                assert ask(port, "GET", "/v1/forgetful")[0] == 401
                known = ask(port, "GET", "/v1/forgetful", Authorization=f"Bearer {TOKEN}")
                assert known[::2] == (200, b'"everything"')


def test_an_application_without_a_gate_is_not_served() -> None:
    with pytest.raises(AttributeError, match="gate"):
        Site("new", FastAPI(), "127.0.0.1", 0, "EVERYSPAN_NEW_PORT")  # type: ignore[arg-type]


def test_nothing_listens_beside_the_frame() -> None:
    """What can open a port, and the files that may: ours all pass the gate."""
    listeners = re.compile(
        r"\bFastAPI\(|\bStarlette\(|uvicorn\.(?:run|Config|Server)\b|grpc\.aio\.server\("
        r"|grpc\.server\(|HTTPServer\b|start_server\(|create_server\(|\.listen\("
    )
    rooms = (
        *("alerting", "classify", "cli", "clickhouse", "experiments", "grafana", "ingest"),
        "web",
    )
    found = {
        str(path.relative_to(ROOT))
        for room in (*rooms, "service")
        for path in (ROOT / room).rglob("*.py")
        if listeners.search(path.read_text(encoding="utf-8"))
    }
    assert found == {
        "service/serve.py",
        "clickhouse/embedded_http/reader.py",
        "ingest/grpc_server.py",
    }


def test_grpc_asks_for_every_signal(tmp_path: Path) -> None:
    async def run() -> None:
        settings = IngestSettings(data=tmp_path, ingest_token=TOKEN)
        server = GrpcServer(Receiver(settings), "127.0.0.1", 0)
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            for service in _SERVICES.values():
                export = channel.unary_unary(f"/{service}/Export")
                for metadata in ((), (("authorization", "Bearer wrong"),)):
                    with pytest.raises(grpc.RpcError) as refused:
                        await export(b"", metadata=metadata)
                    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        await server.stop()

    asyncio.run(run())
