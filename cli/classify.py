"""``everyspan classify``: the service, or, with --since, a wish to judge old rows again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, plain_errors, read_settings
from cli.moment import moment
from cli.options import ClassifyPort, Data, Dsn, Host

Since = Annotated[
    str | None,
    typer.Option(
        help="Do not serve: have the running service judge again what started since then: 24h, 7d,"
        " or 2026-11-24T08:00Z.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(help="With --since: up to then; now by default."),
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
    from cli.services import run
    from service.log import log_to_stderr
    from service.stack import classify_alone

    log_to_stderr()
    with plain_errors():
        run(classify_alone(settings), settings.host)


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
