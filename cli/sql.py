"""``everyspan sql``: any query, as a table or in one of ClickHouse's formats."""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer
from rich.table import Table

from cli.console import console, plain_errors, put
from cli.options import ClickHousePort, Data, Dsn
from cli.reader import open_reader
from web import say

_MAX_CELL = 200
_HAS_FORMAT = re.compile(r"\bFORMAT\s+\w+\s*;?\s*$", re.IGNORECASE)


def sql(
    query: Annotated[str, typer.Argument(help="For example: SELECT count() FROM everyspan.spans")],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="ClickHouse output format such as JSONEachRow; a table by default on a terminal, "
            "TSVWithNames otherwise.",
        ),
    ] = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Run SQL and print the result."""
    with plain_errors():
        client, _ = open_reader(data, clickhouse_dsn, clickhouse_port)
        in_query = _HAS_FORMAT.search(query) is not None
        if format_ is None and not in_query and sys.stdout.isatty():
            result = client.query(query)
            table = Table(*result.column_names, header_style="bold")
            for row in result.result_rows:
                table.add_row(*(_cell(value) for value in row))
            console.print(table)
            console.print(say.plural(len(result.result_rows), "row"), style="dim")
            return
        raw = client.raw_query(query, fmt=format_ or (None if in_query else "TSVWithNames"))
        put(raw)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _MAX_CELL else text[:_MAX_CELL] + "…"
