"""``everyspan ingest``, ``alerting`` and ``web``: one service a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from cli.console import console, plain_errors, read_settings
from cli.options import (
    AlertingPort,
    ClassifyPort,
    ClickHousePort,
    Data,
    Dsn,
    GrpcPort,
    Host,
    HttpPort,
    RetentionDays,
    WebPort,
)
from service.deadline import leave
from service.log import log_to_stderr
from service.stack import Stack, alerting_alone, ingest_alone, web_alone

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def ingest(
    host: Host = None,
    otlp_http_port: HttpPort = None,
    otlp_grpc_port: GrpcPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    retention_days: RetentionDays = None,
) -> None:
    """Receive OTLP and store it."""
    from ingest.settings import IngestSettings

    settings = read_settings(
        IngestSettings,
        host=host,
        otlp_http_port=otlp_http_port,
        otlp_grpc_port=otlp_grpc_port,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
        retention_days=retention_days,
    )
    log_to_stderr()
    with plain_errors():
        run(ingest_alone(settings), settings.host)


def alerting(
    host: Host = None,
    alerting_port: AlertingPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
) -> None:
    """Receive Grafana's alert notifications."""
    from alerting.settings import AlertingSettings

    settings = read_settings(
        AlertingSettings,
        host=host,
        alerting_port=alerting_port,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
    )
    log_to_stderr()
    with plain_errors():
        run(alerting_alone(settings), settings.host)


def web(
    host: Host = None,
    web_port: WebPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
    classify_port: ClassifyPort = None,
    alerting_port: AlertingPort = None,
) -> None:
    """Serve the page: traces to read, to search, and to review."""
    from alerting.settings import AlertingSettings
    from classify.settings import ClassifySettings
    from cli.reader import open_reader
    from service.stack_settings import UpSettings
    from web.key import address, key
    from web.settings import WebSettings

    given = {"host": host, "web_port": web_port, "data": data, "clickhouse_dsn": clickhouse_dsn}
    settings = read_settings(WebSettings, **given)
    readers = read_settings(UpSettings, **given, clickhouse_port=clickhouse_port)
    # Where they listen is not where the page does.
    classify = read_settings(ClassifySettings, classify_port=classify_port)
    alerting = read_settings(AlertingSettings, alerting_port=alerting_port)
    log_to_stderr()

    def connecting() -> Client:
        return open_reader(data, clickhouse_dsn, clickhouse_port)[0]

    def ready(ports: dict[str, int]) -> None:
        page = f"{settings.scheme}://{settings.host}:{ports['web']}"
        console.print(f"the page: {address(page, key(settings))}", soft_wrap=True)

    with plain_errors():
        run_until_signal(web_alone(settings, readers, classify, alerting, connecting), ready)


def run(stack: Stack, host: str) -> None:
    """Until a signal ends it. Tells where each site listens, once all do."""

    def ready(ports: dict[str, int]) -> None:
        for name, port in ports.items():
            console.print(f"{name} listens on {host}:{port}")

    run_until_signal(stack, ready)


def run_until_signal(stack: Stack, ready: Callable[[dict[str, int]], None]) -> NoReturn:
    """``ready``: called once all listen, with name of site to port."""
    asyncio.run(stack.run(ready))
    leave()
