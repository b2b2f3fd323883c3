"""``everyspan classify``: the service, or, with --since, a wish to judge old rows again."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Annotated

import typer
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_delay,
    wait_fixed,
)

from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, plain_errors, read_settings
from cli.moment import moment
from cli.options import ClassifyPort, Data, Dsn, Host
from cli.services import say
from service.log import log_to_stderr
from service.serve import Site, serve

log = logging.getLogger(__name__)

_OPEN_SECONDS = 120

Since = Annotated[
    str | None,
    typer.Option(
        envvar="EVERYSPAN_CLASSIFY_SINCE",
        help="Do not serve: have the running service judge again what started since then: 24h, 7d,"
        " or 2026-11-24T08:00Z.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        envvar="EVERYSPAN_CLASSIFY_UNTIL", help="With --since: up to then; now by default."
    ),
]


def classify(
    host: Host = None,
    classify_port: ClassifyPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Judge every row that has no verdicts yet, and go on doing so."""
    from classify.service import ClassifyService, create_app
    from clickhouse.connection import StorageUnavailableError, connect
    from clickhouse.migrate import migrate
    from experiments.api import router
    from experiments.watch import Watch
    from service.stack_metrics import StackMetrics

    settings = read_settings(
        ClassifySettings,
        host=host,
        classify_port=classify_port,
        data=data,
        clickhouse_dsn=clickhouse_dsn,
    )
    if since or until:
        _judge_again(settings, since, until)
        return
    log_to_stderr()

    # Beside a server that starts at the same time, it comes when it comes.
    opening = Retrying(
        retry=retry_if_exception_type(StorageUnavailableError),
        wait=wait_fixed(2),
        stop=stop_after_delay(_OPEN_SECONDS),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )

    with plain_errors():
        service = ClassifyService(settings, lambda: connect(settings.dsn))
        app = create_app(service)
        app.include_router(
            router(lambda: connect(settings.dsn), settings.database, settings.cluster)
        )
        site = Site(
            "classify",
            app,
            settings.host,
            settings.classify_port,
            "EVERYSPAN_CLASSIFY_PORT",
        )
        client = opening(connect, settings.dsn)
        migrate(client, settings)
        client.close()
        metrics = StackMetrics(
            {"classify": service.telemetry.registry},
            lambda: connect(settings.dsn),
            settings.database,
        )
        watch = Watch(
            lambda: connect(settings.dsn),
            settings.database,
            settings.experiment_watch_seconds,
            settings.cluster,
        )

        def start() -> None:
            service.start()
            metrics.start()
            watch.start()

        def stop() -> None:
            watch.stop()
            metrics.stop()
            service.stop()

        asyncio.run(
            serve(
                [site],
                start=lambda: asyncio.to_thread(start),
                stop=lambda: asyncio.to_thread(stop),
                ready=say(settings.host),
            )
        )


def _judge_again(settings: ClassifySettings, since: str | None, until: str | None) -> None:
    now = datetime.now(UTC)
    if not since:
        fail("--until needs --since; add --since 24h", 2)
    stretch = {
        "since": moment("--since", since, now).isoformat(),
        "until": (moment("--until", until, now) if until else now).isoformat(),
    }
    call(settings, "POST", "/v1/rejudge", stretch)
    console.print(
        f"judging again what started from {stretch['since']} to {stretch['until']}, newest first,"
        " after new rows; `everyspan status` shows how much is left",
        soft_wrap=True,
    )
