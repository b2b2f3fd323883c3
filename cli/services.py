"""``everyspan ingest`` and ``alerting``: one service a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from cli.console import console, plain_errors, read_settings
from cli.options import (
    AlertingPort,
    Data,
    Dsn,
    GrpcPort,
    Host,
    HttpPort,
    RetentionDays,
)
from service.deadline import leave
from service.log import log_to_stderr
from service.stack import Stack, alerting_alone, ingest_alone


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
