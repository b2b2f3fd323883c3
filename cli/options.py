"""Command line options that several commands have. Each is an environment variable too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(envvar="EVERYSPAN_DATA", help="Directory of the embedded ClickHouse."),
]
Dsn = Annotated[
    str | None,
    typer.Option(
        "--clickhouse-dsn",
        envvar="EVERYSPAN_CLICKHOUSE_DSN",
        help="http://user:password@host:8123 or chdb:///directory.",
        show_envvar=True,
    ),
]
Host = Annotated[str | None, typer.Option(envvar="EVERYSPAN_HOST", help="Address to listen on.")]
HttpPort = Annotated[
    int | None,
    typer.Option("--otlp-http-port", envvar="EVERYSPAN_OTLP_HTTP_PORT", help="OTLP/HTTP port."),
]
GrpcPort = Annotated[
    int | None,
    typer.Option(
        "--otlp-grpc-port", envvar="EVERYSPAN_OTLP_GRPC_PORT", help="OTLP/gRPC port; 0: none."
    ),
]
ClickHousePort = Annotated[
    int | None,
    typer.Option(
        "--clickhouse-port", envvar="EVERYSPAN_CLICKHOUSE_PORT", help="ClickHouse HTTP port."
    ),
]
AlertingPort = Annotated[
    int | None,
    typer.Option("--alerting-port", envvar="EVERYSPAN_ALERTING_PORT", help="Alerting port."),
]
ClassifyPort = Annotated[
    int | None,
    typer.Option(
        "--classify-port", envvar="EVERYSPAN_CLASSIFY_PORT", help="Health and metrics port."
    ),
]
WebPort = Annotated[
    int | None,
    typer.Option("--web-port", envvar="EVERYSPAN_WEB_PORT", help="Port of the page."),
]
RetentionDays = Annotated[
    int | None,
    typer.Option(
        "--retention-days",
        envvar="EVERYSPAN_RETENTION_DAYS",
        help="Days until a span is deleted.",
    ),
]
