"""TLS on real sockets: OTLP over HTTP and gRPC, certificates that are renewed, and what can't be
used. The certificates are for localhost, and for nothing else."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest
import requests
from pydantic import SecretStr

from clickhouse.connection import connect
from ingest.app import create_app
from ingest.grpc_server import GrpcServer
from ingest.receiver import Receiver
from ingest.settings import IngestSettings
from service.client import CallError, Client
from service.serve import Site, server_of
from service.settings import ListenSettings
from service.tls import TlsError, tls_of
from tests.clickhouse.databases import engine
from tests.ingest.otlp_payloads import request, span, trace_id

HERE = Path(__file__).parent / "certificates"
FIRST, SECOND = HERE / "first.crt", HERE / "second.crt"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def put(name: str, folder: Path) -> tuple[Path, Path]:
    """A certificate and its key, as files that are to be renewed."""
    places = folder / "tls.crt", folder / "tls.key"
    for place in places:
        shutil.copy(HERE / f"{name}{place.suffix}", place)
    return places


def payload() -> bytes:
    return request(span(trace_id())).SerializeToString()


def over_http(port: int, trusted: Path) -> int:
    answer = requests.post(
        f"https://localhost:{port}/v1/traces",
        payload(),
        headers={"Content-Type": "application/x-protobuf"},
        verify=str(trusted),
        timeout=10,
    )
    return answer.status_code


def over_grpc(port: int, trusted: Path) -> bytes:
    credentials = grpc.ssl_channel_credentials(trusted.read_bytes())
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        answer: bytes = channel.unary_unary(EXPORT)(payload(), timeout=10)
        return answer


async def until_taken(send: Callable[[int, Path], object], port: int, trusted: Path) -> None:
    """Until the certificate is in force for new connections."""
    for _ in range(200):
        try:
            await asyncio.to_thread(send, port, trusted)
            return
        except (requests.exceptions.SSLError, grpc.RpcError):
            await asyncio.sleep(0.05)
    raise AssertionError(f"{trusted.name} is not in force")


async def refused(send: Callable[[int, Path], object], port: int, trusted: Path) -> None:
    with pytest.raises((requests.exceptions.SSLError, grpc.RpcError)):
        await asyncio.to_thread(send, port, trusted)


async def serving(settings: IngestSettings, work: Callable[[int, int], Awaitable[None]]) -> None:
    """``work`` is told the ports for HTTP and for gRPC."""
    receiver = Receiver(settings)
    await receiver.start()
    rpc = GrpcServer(receiver, "127.0.0.1", 0)
    await rpc.start()
    site = Site("ingest", create_app(receiver), "127.0.0.1", 0, "", tls=tls_of(settings))
    server = server_of(site)
    server.config.port = 0
    running = asyncio.create_task(server.serve())
    try:
        while not server.started or await receiver.ready():
            await asyncio.sleep(0.02)
        await work(server.servers[0].sockets[0].getsockname()[1], rpc.port)
    finally:
        server.should_exit = True
        await running
        await rpc.stop()
        await receiver.stop()


def test_spans_over_tls_and_a_certificate_that_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.serve._RENEW_TICKS", 1)
    certificate, key = put("first", tmp_path)

    async def work(http: int, rpc: int) -> None:
        assert await asyncio.to_thread(over_http, http, FIRST) == 200
        await asyncio.to_thread(over_grpc, rpc, FIRST)
        with pytest.raises(requests.ConnectionError):
            await asyncio.to_thread(requests.get, f"http://localhost:{http}/healthz", timeout=10)
        for send, port in ((over_http, http), (over_grpc, rpc)):
            await refused(send, port, SECOND)
        # Our own clients know the one certificate, whatever address they ask.
        ours = Client("ingest", "127.0.0.1", http, SecretStr(""), "", certificate=certificate)
        assert (await asyncio.to_thread(ours.ask, "GET", "/healthz")).text == "ok\n"
        others = Client("ingest", "127.0.0.1", http, SecretStr(""), "", certificate=SECOND)
        with pytest.raises(requests.exceptions.SSLError):
            await asyncio.to_thread(others.ask, "GET", "/healthz")

        put("second", tmp_path)
        for send, port in ((over_http, http), (over_grpc, rpc)):
            await until_taken(send, port, SECOND)
            await refused(send, port, FIRST)

        # Half of a renewal, and nonsense: the one before stays.
        shutil.copy(FIRST, certificate)
        key.write_text("nonsense")
        await asyncio.sleep(0.3)
        for send, port in ((over_http, http), (over_grpc, rpc)):
            await asyncio.to_thread(send, port, SECOND)

    with engine(tmp_path / "clickhouse") as dsn:
        settings = IngestSettings(
            clickhouse_dsn=dsn,
            data=tmp_path,
            ingest_workers=0,
            insert_age_ms=1,
            min_free_bytes=0,
            tls_certificate=certificate,
            tls_key=key,
        )
        asyncio.run(serving(settings, work))
        with connect(dsn) as client:
            ((rows,),) = client.query("SELECT count() FROM everyspan.spans").result_rows
    assert rows == 6


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("first.crt", None, "EVERYSPAN_TLS_CERTIFICATE is set and EVERYSPAN_TLS_KEY is not"),
        (None, "first.key", "EVERYSPAN_TLS_KEY is set and EVERYSPAN_TLS_CERTIFICATE is not"),
        ("none.crt", "first.key", "EVERYSPAN_TLS_CERTIFICATE: there is no file"),
        ("first.crt", "none.key", "EVERYSPAN_TLS_KEY: there is no file"),
        ("first.crt", "second.key", "give PEM files that belong together"),
        ("first.crt", "first.crt", "give PEM files that belong together"),
    ],
)
def test_what_can_not_be_used(certificate: str | None, key: str | None, said: str) -> None:
    settings = ListenSettings(
        tls_certificate=None if certificate is None else HERE / certificate,
        tls_key=None if key is None else HERE / key,
    )
    with pytest.raises(TlsError, match=said):
        tls_of(settings)


def test_a_certificate_that_is_no_file_is_said(tmp_path: Path) -> None:
    lost = Client("web", "127.0.0.1", 1, SecretStr(""), "", certificate=tmp_path / "none.crt")
    with pytest.raises(CallError, match=r"EVERYSPAN_TLS_CERTIFICATE=.* can't be read"):
        lost.ask("GET", "/healthz")
