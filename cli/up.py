"""``everyspan up``: ingest, classify and alerting in one process, on embedded ClickHouse."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import SecretStr

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
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
from cli.services import run_until_signal
from clickhouse.connection import redacted
from ingest.settings import IngestSettings
from service.log import log_to_stderr
from service.stack import whole
from service.stack_settings import UpSettings
from web.key import address, key
from web.settings import WebSettings


def up(
    data: Data = None,
    host: Host = None,
    otlp_http_port: HttpPort = None,
    otlp_grpc_port: GrpcPort = None,
    clickhouse_port: ClickHousePort = None,
    alerting_port: AlertingPort = None,
    classify_port: ClassifyPort = None,
    web_port: WebPort = None,
    clickhouse_host: Annotated[
        str | None,
        typer.Option(
            "--clickhouse-host",
            envvar="EVERYSPAN_CLICKHOUSE_HOST",
            help="Address of the ClickHouse HTTP port; anything but loopback needs a password.",
        ),
    ] = None,
    clickhouse_dsn: Dsn = None,
    retention_days: RetentionDays = None,
) -> None:
    """Run everything in one process. Ends on Ctrl-C or SIGTERM."""
    given: dict[str, Any] = {
        "data": data,
        "host": host,
        "otlp_http_port": otlp_http_port,
        "otlp_grpc_port": otlp_grpc_port,
        "clickhouse_port": clickhouse_port,
        "clickhouse_host": clickhouse_host,
        "alerting_port": alerting_port,
        "classify_port": classify_port,
        "web_port": web_port,
        "clickhouse_dsn": clickhouse_dsn,
        "retention_days": retention_days,
    }
    settings = read_settings(UpSettings, **given)
    services = (
        read_settings(IngestSettings, **given),
        read_settings(ClassifySettings, **given),
        read_settings(AlertingSettings, **given),
        read_settings(WebSettings, **given),
    )
    log_to_stderr()
    with plain_errors():
        run_until_signal(
            whole(settings, *services), lambda ports: _say(settings, ports, key(services[-1]))
        )


def _say(settings: UpSettings, ports: dict[str, int], web_key: SecretStr) -> None:
    """Where everything listens."""
    host = settings.host
    page = f"{settings.scheme}://{host}:{ports['web']}"
    lines = [
        f"the page         {address(page, web_key)}",
        f"OTLP/HTTP        {settings.scheme}://{host}:{ports['OTLP/HTTP']}",
    ]
    if "OTLP/gRPC" in ports:
        lines.append(f"OTLP/gRPC        {host}:{ports['OTLP/gRPC']}")
    if "ClickHouse HTTP" in ports:
        lines.append(
            f"ClickHouse HTTP  http://{settings.clickhouse_host}:{ports['ClickHouse HTTP']}"
            "  (read-only)"
        )
    lines.append(f"classify         http://{host}:{ports['classify']}")
    lines.append(f"alerting         http://{host}:{ports['alerting']}")
    if settings.embedded and settings.grafana_evaluate:
        lines.append(f"alert rules      {settings.grafana_rules} (no Grafana)")
    lines.append(f"data             {redacted(settings.dsn)}")
    console.print("everyspan is up")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)
