"""``everyspan ingest``, ``classify`` and ``alerting``: one service a process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from cli.console import console, log_to_stderr, plain_errors, read_settings
from cli.options import (
    AlertingPort,
    ClassifyPort,
    Data,
    Dsn,
    GrpcPort,
    Host,
    HttpPort,
    RetentionDays,
)
from cli.serve import Site, serve

log = logging.getLogger(__name__)

_OPEN_SECONDS = 120


def ingest(
    host: Host = None,
    otlp_http_port: HttpPort = None,
    otlp_grpc_port: GrpcPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    retention_days: RetentionDays = None,
) -> None:
    """Receive OTLP and store it."""
    from ingest.app import create_app
    from ingest.grpc_server import GrpcServer
    from ingest.receiver import Receiver
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

    async def run() -> None:
        receiver = Receiver(settings)
        grpc = GrpcServer(receiver, settings.host, settings.otlp_grpc_port)

        async def start() -> None:
            await receiver.start()
            if settings.otlp_grpc_port:
                await grpc.start()

        async def stop() -> None:
            await grpc.stop()
            await receiver.stop()

        site = Site(
            "OTLP/HTTP",
            create_app(receiver),
            settings.host,
            settings.otlp_http_port,
            "EVERYSPAN_OTLP_HTTP_PORT",
        )
        await serve([site], start=start, stop=stop, ready=_say(settings.host))

    with plain_errors():
        asyncio.run(run())


def classify(
    host: Host = None,
    classify_port: ClassifyPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
) -> None:
    """Judge every row that has no verdicts yet, and go on doing so."""
    from classify.service import ClassifyService, create_app
    from classify.settings import ClassifySettings
    from clickhouse.connection import StorageUnavailableError, connect
    from clickhouse.migrate import migrate

    settings = read_settings(
        ClassifySettings,
        host=host,
        classify_port=classify_port,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
    )
    log_to_stderr()

    # Beside a server that starts at the same time, it comes when it comes.
    opening = Retrying(
        retry=retry_if_exception_type(StorageUnavailableError),
        wait=wait_fixed(2),
        stop=stop_after_delay(_OPEN_SECONDS),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )

    async def run() -> None:
        service = ClassifyService(settings, lambda: connect(settings.dsn))
        site = Site(
            "classify",
            create_app(service),
            settings.host,
            settings.classify_port,
            "EVERYSPAN_CLASSIFY_PORT",
        )
        await serve(
            [site],
            start=lambda: asyncio.to_thread(service.start),
            stop=lambda: asyncio.to_thread(service.stop),
            ready=_say(settings.host),
        )

    with plain_errors():
        client = opening(connect, settings.dsn)
        migrate(client, settings)
        client.close()
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

    settings = read_settings(
        AlertingSettings,
        host=host,
        alerting_port=alerting_port,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
    )
    log_to_stderr()

    async def nothing() -> None:
        """The application's own lifespan does it."""

    async def run() -> None:
        site = Site(
            "alerting",
            create_app(settings),
            settings.host,
            settings.alerting_port,
            "EVERYSPAN_ALERTING_PORT",
        )
        await serve([site], start=nothing, stop=nothing, ready=_say(settings.host))

    with plain_errors():
        asyncio.run(run())


def _say(host: str) -> Callable[[dict[str, int]], None]:
    def ready(ports: dict[str, int]) -> None:
        for name, port in ports.items():
            console.print(f"{name} listens on {host}:{port}", highlight=False)

    return ready
