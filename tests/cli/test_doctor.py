"""What doctor says of ports that are mixed up, and of agents that are ahead of the server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest
from clickhouse_connect.driver.client import Client

from alerting.settings import AlertingSettings
from classify.coverage import coverage
from classify.settings import ClassifySettings
from cli.doctor import _arrived, _judged, _services
from clickhouse.span import SPAN_COLUMNS, Span, columns_of
from ingest.settings import IngestSettings
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
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


def _about_judging(client: Client, database: str) -> set[str]:
    return {each.state for each in _judged(client, database)}


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid", "a b"])
def test_nothing_that_speaks_anything(host: str) -> None:
    assert "nothing answers" in said_of_ingest(host, 1)


def test_an_sdk_that_is_ahead_of_the_server(tmp_path: Path) -> None:
    def span(number: int, service: str, sdk: str) -> Span:
        said = {"telemetry.distro.name": "everyspan-sdk", "telemetry.distro.version": sdk}
        return Span(
            f"{number:032x}",
            "b" * 16,
            service_name=service,
            start_time=time.time_ns(),
            resource_attributes=said if sdk else {},
        )

    with engine(tmp_path / "clickhouse") as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        assert _about_judging(client, settings.database) == {"unknown"}, "nothing is there"
        assert coverage(client, settings.database).ratio is None
        rows = [
            span(1, "same", version("everyspan-server")),
            span(2, "older", "0.0.1"),
            span(3, "other", ""),
            span(4, "odd", "'; DROP TABLE spans"),
            span(5, "ahead", "99.1.0"),
            span(6, "also ahead", "99.1.0"),
        ]
        client.insert(
            "spans_raw",
            columns_of(rows),
            column_names=list(SPAN_COLUMNS),
            column_oriented=True,
            database=settings.database,
        )
        arrived = _arrived(client, settings.database, "http://127.0.0.1:4318")
        found = [each for each in arrived if each.about == "versions"]
        assert _about_judging(client, settings.database) == {"unknown"}, "nothing is judged yet"
    (one,) = found
    assert one.state == "bad"
    assert one.found.startswith("ahead, also ahead: everyspan-sdk 99.1.0; the server is")
    assert "upgrade the server first" in one.remedy
