"""``everyspan report``: the dashboards as one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import console, fail, plain_errors
from cli.extras import need
from cli.options import ClickHousePort, Data, Dsn
from cli.reader import open_reader

_LAST = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def report(
    last: Annotated[
        str,
        typer.Option(help="How far back: 30m, 24h, 7d, 4w."),
    ] = "24h",
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="File to write."),
    ] = Path("report.html"),
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Write traffic, latency, cost, verdicts and newest failures to one HTML page."""
    need("report", "everyspan report")
    from grafana.macros import TimeRange
    from grafana.report.page import page

    found = _LAST.fullmatch(last.strip())
    if not found or not int(found[1]):
        fail(f"--last {last}: write a number and m, h, d or w, such as 24h", 2)
    back = timedelta(**{_UNITS[found[2]]: int(found[1])})
    with plain_errors():
        client, settings = open_reader(data, clickhouse_dsn, clickhouse_port)
        client.database = settings.database

        def run(sql: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
            answer = client.query(sql)
            return answer.column_names, answer.result_rows

        text = page(run, TimeRange.last(back, datetime.now(UTC)), version("everyspan-server"))
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{output}: {error.strerror}")
    console.print(f"{output}: {len(text) / 1e6:.1f} MB")
