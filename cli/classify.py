"""``everyspan classify``: the service, or, with --since, a wish to judge old rows again."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
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
from cli.console import console, errors, log_to_stderr, plain_errors, read_settings
from cli.options import ClassifyPort, Data, Dsn, Host
from cli.serve import Site, serve
from cli.services import say

log = logging.getLogger(__name__)

_OPEN_SECONDS = 120
_AGO = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

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
    from clickhouse.stack_metrics import StackMetrics

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

    async def run() -> None:
        service = ClassifyService(settings, lambda: connect(settings.dsn))
        metrics = StackMetrics(
            {"classify": service.telemetry.registry},
            lambda: connect(settings.dsn),
            settings.database,
        )

        def start() -> None:
            service.start()
            metrics.start()

        def stop() -> None:
            metrics.stop()
            service.stop()

        site = Site(
            "classify",
            create_app(service),
            settings.host,
            settings.classify_port,
            "EVERYSPAN_CLASSIFY_PORT",
        )
        await serve(
            [site],
            start=lambda: asyncio.to_thread(start),
            stop=lambda: asyncio.to_thread(stop),
            ready=say(settings.host),
        )

    with plain_errors():
        client = opening(connect, settings.dsn)
        migrate(client, settings)
        client.close()
        asyncio.run(run())


def _judge_again(settings: ClassifySettings, since: str | None, until: str | None) -> None:
    now = datetime.now(UTC)
    if not since:
        errors.print("[bold red]error:[/] --until needs --since; add --since 24h", highlight=False)
        raise typer.Exit(2)
    stretch = {
        "since": _moment("--since", since, now).isoformat(),
        "until": (_moment("--until", until, now) if until else now).isoformat(),
    }
    call(settings, "POST", "/v1/rejudge", stretch)
    console.print(
        f"judging again what started from {stretch['since']} to {stretch['until']}, newest first,"
        " after new rows; `everyspan status` shows how much is left",
        highlight=False,
        soft_wrap=True,
    )


def _moment(option: str, text: str, now: datetime) -> datetime:
    """'24h' before ``now``, or an ISO 8601 time, UTC where it has no offset."""
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        errors.print(
            f"[bold red]error:[/] {option} {text}: write 30m, 24h, 7d, or a time such as"
            " 2026-11-24T08:00Z",
            highlight=False,
        )
        raise typer.Exit(2) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
