"""``everyspan experiment``: start, look at and stop A/B tests."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli.classify_client import classify_client
from cli.console import console, fail, plain_errors, read_settings
from cli.options import ClassifyPort, ClickHousePort, Data, Dsn, Host
from cli.reader import open_reader
from service.printable import line

if TYPE_CHECKING:  # scipy and numpy are loaded by the commands that need them
    from experiments.status import Status

app = typer.Typer(help="A/B tests on live traffic.", no_args_is_help=True)

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_COLORS = {"ship": "green", "stop": "red", "keep_going": "yellow", "broken": "bold red"}
_STATE_COLORS = {"worse": "red", "better": "green", "safe": "green"}

Name = Annotated[str, typer.Argument(help="Name of the experiment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def status(
    name: Name,
    as_json: Json = False,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Say what to do with an experiment, and why."""
    from experiments.status import status as read

    with plain_errors():
        client, settings = open_reader(data, clickhouse_dsn, clickhouse_port)
        found = read(client, settings.database, name)
    if as_json:
        typer.echo(json.dumps(found.document()))
    else:
        _show(found)


@app.command("list")
def list_(
    as_json: Json = False,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """List all experiments with their verdicts."""
    from experiments.experiment_store import unknown_names
    from experiments.measured import listed

    with plain_errors():
        client, settings = open_reader(data, clickhouse_dsn, clickhouse_port)
        rows, looked = listed(client, settings.database)
        unknown = unknown_names(client, settings.database)
    if as_json:
        typer.echo(json.dumps({"experiments": rows, "not_started": unknown}, default=str))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("experiment", "status", "verdict", "units", "since"):
        table.add_column(column)
    for row in rows:
        verdict = str(row["verdict"])
        told = " ".join((verdict.replace("_", " "), row["variant"], row["broken"])).strip()
        over = f"stopped, {row['winner'] or 'control'} for all"
        table.add_row(
            row["experiment"],
            row["status"] if row["status"] == "running" else over,
            Text(told, _COLORS[verdict]),
            f"{row['units']:,}",
            f"{row['started_at']:%Y-%m-%d %H:%M}",
        )
    if rows:
        console.print(table)
        if looked:
            console.print(
                f"verdicts and units as of {looked:%H:%M:%S} UTC;"
                " `everyspan experiment status NAME` looks anew",
                style="dim",
                soft_wrap=True,
            )
    else:
        console.print("no experiment was started yet")
    if unknown:
        console.print(
            f"on spans but not started: {', '.join(map(line, unknown))}; define them in a file and"
            " run `everyspan experiment start NAME --file experiments.toml`",
            soft_wrap=True,
        )


@app.command()
def start(
    name: Name,
    file: Annotated[
        Path,
        typer.Option("--file", help="TOML file that defines it."),
    ],
    since: Annotated[
        str | None,
        typer.Option(
            help="Count units from then on, instead of from now: 30m, 24h, 7d, or a time."
        ),
    ] = None,
    host: Host = None,
    classify_port: ClassifyPort = None,
    clickhouse_dsn: Dsn = None,
) -> None:
    """Start an experiment, or change a running one to what the file says."""
    from experiments.experiment_definition import read_file

    with plain_errors():
        definitions = read_file(file)
        if name not in definitions:
            fail(f"{file} defines {', '.join(definitions)}, but not {name}")
        definition = definitions[name]
        moment = _moment(since)
        body = {
            "definition": definition.model_dump(mode="json"),
            "since": moment.isoformat() if moment else None,
        }
        told = _change(name, "start", body, host, classify_port, clickhouse_dsn)
    console.print(f"{name} runs; units are counted from {told['counted_from']}")
    if told["counted_from"] > told["started_at"]:
        console.print(
            "the split among the variants has changed: units that came before are not compared",
        )
    console.print(f"everyspan experiment status {name}")


@app.command()
def stop(
    name: Name,
    ship: Annotated[
        str,
        typer.Option(help="Variant that everybody gets from now on; the control by default."),
    ] = "",
    host: Host = None,
    classify_port: ClassifyPort = None,
    clickhouse_dsn: Dsn = None,
) -> None:
    """Stop an experiment; everybody gets one variant."""
    with plain_errors():
        told = _change(name, "stop", {"winner": ship}, host, classify_port, clickhouse_dsn)
    console.print(
        f"{name} is stopped; everybody gets {told['winner'] or told['control']}: agents that read"
        " ClickHouse within a minute, others once their file says so",
        soft_wrap=True,
    )


def _change(
    name: str, what: str, body: dict[str, Any], host: str | None, port: int | None, dsn: str | None
) -> dict[str, str]:
    """In the database where a DSN names one, else through the running service."""
    from classify.settings import ClassifySettings
    from clickhouse.connection import connect
    from experiments import api
    from experiments.experiment_definition import read_definition
    from experiments.experiment_store import start, stop

    settings = read_settings(ClassifySettings, host=host, classify_port=port, clickhouse_dsn=dsn)
    if settings.clickhouse_dsn:
        client = connect(settings.dsn)
        if what == "stop":
            return api.summary(stop(client, settings.database, name, body["winner"]))
        since = datetime.fromisoformat(body["since"]) if body["since"] else None
        definition = read_definition(body["definition"], f"experiment {name}")
        return api.summary(start(client, settings.database, definition, since, settings.cluster))
    service = classify_client(settings, ", or --clickhouse-dsn")
    return dict(service.call("POST", f"/v1/experiments/{name}/{what}", body))


def _show(found: Status) -> None:
    from experiments import words

    stored, outcome = found.stored, found.outcome
    definition, verdict = stored.definition, outcome.verdict
    told = f"{verdict.replace('_', ' ')} {outcome.best}".strip().upper()
    if outcome.best:
        told = f"SHIP {outcome.best}"
    console.print(Text.assemble(f"{definition.name}: ", (told, _COLORS[verdict])))
    if outcome.broken:
        console.print(f"  {outcome.broken}")
    for sentence in found.reasons:
        console.print(f"  {sentence}", soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False)
    for column in ("variant", "metric", "role"):
        table.add_column(column)
    for column in (definition.control, "variant", "difference", "interval"):
        table.add_column(column, justify="right")
    table.add_column("says")
    for decided in outcome.decided:
        for each in decided.compared:
            metric, effect = each.metric.metric, each.effect
            color = _STATE_COLORS.get(each.state, "default")
            table.add_row(
                decided.variant,
                words.title(metric),
                each.metric.role,
                words.value(metric, float(effect.control)),
                words.value(metric, float(effect.variant)),
                words.difference(metric, float(effect.estimate)),
                words.interval(metric, float(effect.low), float(effect.high)),
                Text(words.STATES[each.state], color),
            )
    console.print(table)
    console.print()
    for told in words.footing(stored, outcome, found.counts, found.arrivals):
        console.print(told, soft_wrap=True)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        fail(f"--since {text}: write 30m, 24h, 7d, or a time such as 2026-11-24T08:00Z")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
