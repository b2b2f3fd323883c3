"""What doctor says of ports that are mixed up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from cli.doctor import _services
from ingest.settings import IngestSettings
from web.settings import WebSettings


def said_of_ingest(host: str, port: int) -> str:
    """Of an ingest whose two ports are one."""
    ingest = IngestSettings(host=host, otlp_http_port=port, otlp_grpc_port=port)
    found = next(_services(ingest, ClassifySettings(), AlertingSettings(), WebSettings()))
    return found.found


def test_a_port_that_speaks_grpc() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert "speaks gRPC" in said_of_ingest("127.0.0.1", port)
    finally:
        server.stop(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid", "a b"])
def test_nothing_that_speaks_anything(host: str) -> None:
    assert "nothing answers" in said_of_ingest(host, 1)
