"""``everyspan key``: keys of projects, and what was done with them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, read_settings
from cli.options import ClassifyPort, Host
from service.keys import SCOPES
from service.printable import line

app = typer.Typer(
    help="Keys of projects: make, list and revoke them; what was done.", no_args_is_help=True
)

_RATE = re.compile(r"(\d{1,8})(/s)?")
Json = Annotated[bool, typer.Option("--json", help="For a program.")]


@app.command()
def create(
    project: Annotated[
        str, typer.Argument(help="Its name; `default` for the one that needs no key.")
    ],
    scope: Annotated[
        str, typer.Option("--scope", help=f"What it opens, with commas: {', '.join(SCOPES)}.")
    ] = "write",
    limit: Annotated[
        str, typer.Option("--limit", help="Spans that it may send, as in 1000/s; any number else.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    as_json: Json = False,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Make a key, and show it once."""
    rate = _RATE.fullmatch(limit.strip() or "0")
    if rate is None:
        fail(f"--limit {limit}: say how many spans a second, as in 1000/s", 2)
    body = {
        "project": project,
        "scopes": [each.strip() for each in scope.split(",") if each.strip()],
        "name": name,
        "spans_per_second": int(rate[1]),
    }
    made = call(_settings(host, classify_port), "POST", "/v1/keys", body)
    if as_json:
        typer.echo(json.dumps(made))
        return
    typer.echo(made["key"])
    console.print(
        f"key {made['id']} of the project {made['project']} ({', '.join(made['scopes'])});"
        " it is shown now and never again",
        style="dim",
    )


@app.command("list")
def list_(as_json: Json = False, host: Host = None, classify_port: ClassifyPort = None) -> None:
    """List all keys, the newest first."""
    found = call(_settings(host, classify_port), "GET", "/v1/keys")
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("key", "project", "name", "scopes", "limit", "created", "last used", ""):
        table.add_column(column)
    for each in found:
        table.add_row(
            each["id"],
            each["project"],
            Text(line(each["name"])),
            ", ".join(each["scopes"]),
            f"{each['spans_per_second']}/s" if each["spans_per_second"] else "",
            _day(each["created_at"]),
            _day(each["used_at"]),
            Text(f"revoked {_day(each['revoked_at'])}", "red") if each["revoked_at"] else "",
        )
    console.print(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """It opens nothing any more, within seconds."""
    number = key.removeprefix("es_")[:8]
    if not re.fullmatch(r"[0-9a-f]{8}", number):
        fail(f"{key[:20]} is no id of a key: `everyspan key list` shows them", 2)
    gone = call(_settings(host, classify_port), "DELETE", f"/v1/keys/{number}")
    console.print(f"key {gone['id']} of the project {gone['project']} is revoked")


@app.command()
def audit(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    as_json: Json = False,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Show what was done that concerns more than a row of one's own, the newest first."""
    found = call(_settings(host, classify_port), "GET", f"/v1/audit?limit={limit}")
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("when", "who", "what"):
        table.add_column(column)
    for each in found:
        table.add_row(_day(each["at"]), each["who"], Text(line(f"{each['act']} {each['what']}")))
    console.print(table)


def _settings(host: str | None, port: int | None) -> ClassifySettings:
    return read_settings(ClassifySettings, host=host, classify_port=port)


def _day(at: Any) -> str:
    if not at:
        return ""
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M}"
