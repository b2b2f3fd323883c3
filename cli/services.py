"""``everyspan ingest`` and ``alerting``: one service a process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

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
from ingest.settings import IngestSettings
from service.http_protocol import ConnectionLimits
from service.log import log_to_stderr
from service.serve import Site, serve


def ingest(
    host: Host = None,
    otlp_http_port: HttpPort = None,
    otlp_grpc_port: GrpcPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    retention_days: RetentionDays = None,
) -> None:
    """Receive OTLP and store it."""
    from clickhouse.connection import connect
    from ingest.app import create_app
    from ingest.grpc_server import GrpcServer
    from ingest.receiver import Receiver
    from service.stack_metrics import StackMetrics

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

    async def run() -> None:
        receiver = Receiver(settings)
        grpc = GrpcServer(receiver, settings.host, settings.otlp_grpc_port)
        metrics = StackMetrics(
            {"ingest": receiver.telemetry.registry},
            lambda: connect(settings.dsn),
            settings.database,
        )

        async def start() -> None:
            await receiver.start()
            if settings.otlp_grpc_port:
                await grpc.start()
            metrics.start()

        async def stop() -> None:
            await asyncio.to_thread(metrics.stop)
            await grpc.stop()
            await receiver.stop()

        site = Site(
            "OTLP/HTTP",
            create_app(receiver),
            settings.host,
            settings.otlp_http_port,
            "EVERYSPAN_OTLP_HTTP_PORT",
            connection_limits(settings),
        )
        await serve([site], start=start, stop=stop, ready=say(settings.host))

    with plain_errors():
        asyncio.run(run())


def alerting(
    host: Host = None,
    alerting_port: AlertingPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
) -> None:
    """Receive Grafana's alert notifications."""
    from alerting.app import create_app
    from alerting.settings import AlertingSettings
    from clickhouse.connection import connect
    from service.stack_metrics import StackMetrics

    settings = read_settings(
        AlertingSettings,
        host=host,
        alerting_port=alerting_port,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
    )
    log_to_stderr()

    async def run() -> None:
        app = create_app(settings)
        metrics = StackMetrics(
            {"alerting": app.state.registry}, lambda: connect(settings.dsn), settings.database
        )

        async def start() -> None:
            # An embedded engine is for one process, and that is `everyspan up`.
            if not settings.embedded:
                metrics.start()

        async def stop() -> None:
            await asyncio.to_thread(metrics.stop)

        site = Site(
            "alerting", app, settings.host, settings.alerting_port, "EVERYSPAN_ALERTING_PORT"
        )
        await serve([site], start=start, stop=stop, ready=say(settings.host))

    with plain_errors():
        asyncio.run(run())


def connection_limits(settings: IngestSettings) -> ConnectionLimits:
    """Of the OTLP/HTTP port."""
    return ConnectionLimits(
        connections=settings.max_connections,
        header_seconds=settings.header_seconds,
        stall_seconds=settings.body_seconds / 3,
        body_seconds=settings.body_seconds,
        # The application refuses a body that is too large, and says how to send it.
        body_bytes=settings.max_body_bytes + (1 << 20),
        # OTLP's senders do not try again after 408, and their spans are not at fault.
        slow_status=HTTPStatus.SERVICE_UNAVAILABLE,
    )


def say(host: str) -> Callable[[dict[str, int]], None]:
    """Tells where each site listens, once all do."""

    def ready(ports: dict[str, int]) -> None:
        for name, port in ports.items():
            console.print(f"{name} listens on {host}:{port}")

    return ready
