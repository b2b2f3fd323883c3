"""``everyspan traces``: which ones? The same query as the page's list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.console import console, plain_errors
from cli.options import ClickHousePort, Data, Dsn
from cli.reader import open_reader
from web import pages, say, traces
from web.filters import Filters
from web.reader import Reader
from web.traces_view import told

_Many = list[str] | None
#: Columns of a terminal that has room for whole ids; half of one names a trace too.
_WIDE = 140
#: Columns of one that has room for time taken and cost.
_ROOMY = 100
#: Columns of one, or of a pipe, that has room for everything.
_VAST = 220


def list_traces(
    failed: Annotated[
        bool, typer.Option("--failed", help="Only with a failed verdict, or a step that failed.")
    ] = False,
    classifier: Annotated[
        _Many, typer.Option("--classifier", help="That this classifier failed; several are or.")
    ] = None,
    service: Annotated[_Many, typer.Option(help="Of this service.")] = None,
    environment: Annotated[_Many, typer.Option(help="Of this environment.")] = None,
    model: Annotated[_Many, typer.Option(help="With a step of this model.")] = None,
    prompt_version: Annotated[
        _Many, typer.Option("--prompt-version", help="With a step of this prompt version.")
    ] = None,
    session: Annotated[_Many, typer.Option(help="Of this session.")] = None,
    user: Annotated[_Many, typer.Option(help="Of this user.")] = None,
    kind: Annotated[_Many, typer.Option(help="With a step of this kind: llm, tool, …")] = None,
    contains: Annotated[
        str, typer.Option(help='With these words in input or output; "in quotes" as they stand.')
    ] = "",
    since: Annotated[str, typer.Option(help="From: 30m, 24h, 7d, or a time.")] = "24h",
    until: Annotated[str, typer.Option(help="To: the same; now by default.")] = "",
    replays: Annotated[str, typer.Option(help="with, without or only.")] = "without",
    sort: Annotated[str, typer.Option(help="newest, oldest, slowest or dearest.")] = "newest",
    page: Annotated[int, typer.Option(help="From 1, 50 traces each.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a line a trace.")] = False,
    show_sql: Annotated[bool, typer.Option("--sql", help="Print the query alone.")] = False,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """List traces: filtered, searched, newest first."""
    given = {
        "service": service, "environment": environment, "model": model, "session": session,
        "prompt_version": prompt_version, "user": user, "kind": kind, "failed": classifier,
        "contains": [contains], "since": [since], "until": [until], "replays": [replays],
        "sort": [sort], "page": [str(page)],
    }  # fmt: skip
    if failed and not classifier:
        given["failed"] = ["any"]
    with plain_errors():
        filters = Filters.of((name, each) for name, many in given.items() for each in many or ())
        client, settings = open_reader(data, clickhouse_dsn, clickhouse_port)
        found = traces.load(Reader(lambda _: client, settings.database), filters, datetime.now(UTC))
    if show_sql:
        typer.echo(found.sql)
        return
    if as_json:
        for row in found.rows:
            typer.echo(json.dumps(told(row)))
        return
    console.print(_table(found.rows, console.width))
    if not found.rows:
        console.print(
            f"no trace fits since {since}; look further back with --since 30d, or ask "
            "`everyspan doctor` why nothing comes"
        )
    elif found.more:
        console.print(f"more with --page {page + 1}", style="dim")


def _table(rows: Sequence[Mapping[str, Any]], width: int) -> Table:
    wide, roomy = width >= _WIDE, width >= _ROOMY
    digits, service, failed = (32, 30, 32 if width < _VAST else 80) if wide else (16, 10, 22)
    times = [say.clock(row["started"], datetime.now(UTC)) for row in rows]
    time = max(map(len, times), default=0)
    # What is left of the terminal, beside the gaps of two.
    question = width - digits - time - service - failed - (15 if roomy else 0) - 2 * 6
    table = Table(box=None, pad_edge=False)
    table.add_column("trace", no_wrap=True, min_width=digits)
    table.add_column("time", no_wrap=True, min_width=time)
    table.add_column("service", no_wrap=True, max_width=service)
    table.add_column("question", no_wrap=True, max_width=max(10, question))
    table.add_column("failed", max_width=failed)
    if roomy:
        table.add_column("took", no_wrap=True, min_width=7)
        table.add_column("cost", no_wrap=True, min_width=8)
    for row, at in zip(rows, times, strict=True):
        marks = [f"✗\u00a0{name}" for name in row["failures"]]
        if row["errors"]:
            marks.append(f"✗\u00a0{say.plural(row['errors'], 'error')}")
        cells = [
            row["trace_id"][:digits],
            at,
            pages.line(row["service"], 30),
            pages.line(row["question"] or row["name"], 60),
            Text(pages.line(", ".join(marks), 80), "red"),
            say.duration(row["duration_ms"]),
            say.money(row["cost_usd"]),
        ]
        table.add_row(*cells[: len(table.columns)])
    return table
