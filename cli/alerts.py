"""``everyspan alerts``: what was told to whom, what was not, and silences."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from alerting.settings import AlertingSettings
from cli.console import console, fail, plain_errors, read_settings
from cli.options import AlertingPort, Host
from service.client import Client

app = typer.Typer(
    help="Alerts that were told, that wait, that are dead; silences.",
    invoke_without_command=True,
    no_args_is_help=False,
)

_DURATION = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
Route = Annotated[
    list[str] | None,
    typer.Option("--route", help="label=value to route by; may be given more than once."),
]


@app.callback()
def alerts(
    context: typer.Context,
    status: Annotated[
        str,
        typer.Option(help="Only these: pending, sent, dead, silenced, held or folded."),
    ] = "",
    host: Host = None,
    alerting_port: AlertingPort = None,
) -> None:
    """List what was told, newest first."""
    context.obj = read_settings(AlertingSettings, host=host, alerting_port=alerting_port)
    if context.invoked_subcommand is not None:
        return
    found = _call(context.obj, "GET", f"/v1/alerts?status={status}")
    table = Table(box=None, pad_edge=False)
    for name in ("id", "status", "what", "service", "destination", "when", "tries", "error"):
        table.add_column(name)
    for each in found["deliveries"]:
        what = each["classifier"] or each["alertname"]
        repeats = f" (said {each['repeats'] + 1} times)" if each["repeats"] else ""
        table.add_row(
            str(each["id"]),
            each["status"],
            f"{each['event']} {what}{repeats}",
            each["service"],
            each["destination"],
            _time(each["sent_at"] or each["created_at"]),
            str(each["attempts"]),
            each["error"][:80],
        )
    console.print(table)
    told = ", ".join(f"{count} {name}" for name, count in found["counts"].items() if count)
    console.print(told or "no alerts yet")
    if found["unrouted"]:
        console.print(
            f"{found['unrouted']} matched no route and are in the log alone: end the file of"
            " routes with [[routes]] that has destinations and no match",
            style="yellow",
        )


@app.command()
def show(context: typer.Context, number: Annotated[int, typer.Argument(help="Its id.")]) -> None:
    """One alert as JSON."""
    typer.echo(json.dumps(_call(context.obj, "GET", f"/v1/alerts/{number}"), indent=2))


@app.command()
def resend(context: typer.Context, number: Annotated[int, typer.Argument(help="Its id.")]) -> None:
    """Tell it again, dead ones too."""
    _call(context.obj, "POST", f"/v1/alerts/{number}/resend", {})
    console.print(f"{number} is told again")


@app.command()
def acknowledge(
    context: typer.Context, number: Annotated[int, typer.Argument(help="Its id.")]
) -> None:
    """Tell those who were told that somebody is at it."""
    _call(context.obj, "POST", f"/v1/alerts/{number}/acknowledge", {})
    console.print(f"{number} is acknowledged")


@app.command("test")
def send_test(context: typer.Context, route: Route = None) -> None:
    """Send a sample to the destinations that these labels lead to."""
    labels = _pairs("--route", route or [])
    found = _call(context.obj, "POST", "/v1/alerts/test", {"labels": labels})
    console.print(found["text"])
    failed = False
    for each in found["destinations"]:
        failed |= each["answer"] != "sent"
        console.print(
            f"{each['destination']} ({each['type']}): {each['answer']}",
        )
    if {each["destination"] for each in found["destinations"]} <= {"unrouted"}:
        console.print("no route matches these labels: nobody would be told", style="yellow")
    if failed:
        raise typer.Exit(1)


@app.command()
def silence(
    context: typer.Context,
    matchers: Annotated[list[str], typer.Argument(help="label=value or label=~regex.")],
    for_: Annotated[
        str,
        typer.Option("--for", help="How long: 30m, 2h, 1d."),
    ] = "1h",
    comment: Annotated[str, typer.Option(help="Why, for others.")] = "",
) -> None:
    """Record alerts with these labels without telling anybody."""
    found = _DURATION.fullmatch(for_.strip())
    if not found:
        fail(f"--for {for_}: write a number and s, m, h or d, such as 2h")
    body = {
        "matchers": _pairs("MATCHERS", matchers),
        "seconds": int(found[1]) * _SECONDS[found[2]],
        "comment": comment,
    }
    made = _call(context.obj, "POST", "/v1/silences", body)
    console.print(f"silence {made['id']} until {_time(made['until'])}")


@app.command()
def silences(context: typer.Context) -> None:
    """List the silences that hold."""
    for each in _call(context.obj, "GET", "/v1/silences"):
        told = ", ".join(f"{k}={v}" for k, v in each["matchers"].items())
        console.print(
            f"{each['id']}  until {_time(each['until'])}  {told}  {each['comment']}"
            + (f"  of the project {each['project']}" if each["project"] else ""),
        )


@app.command()
def unsilence(
    context: typer.Context, number: Annotated[int, typer.Argument(help="Its id.")]
) -> None:
    """End a silence."""
    _call(context.obj, "DELETE", f"/v1/silences/{number}")
    console.print(f"silence {number} is over")


def _call(settings: AlertingSettings, method: str, path: str, body: Any = None) -> Any:
    client = Client(
        "alerting",
        settings.host,
        settings.alerting_port,
        settings.alerting_token,
        "start `everyspan up`, or give --host and --alerting-port",
    )
    with plain_errors():
        return client.call(method, path, body)


def _pairs(option: str, each: list[str]) -> dict[str, str]:
    found = {}
    for text in each:
        name, equals, value = text.partition("=")
        if not equals or not name:
            fail(f"{option} {text}: write label=value")
        found[name] = value
    return found


def _time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"
