"""``everyspan forget``: a user's, a session's or any traces, really gone, with a receipt."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from alerting.settings import AlertingSettings
from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, fail, plain_errors, read_settings
from cli.options import AlertingPort, ClassifyPort, ClickHousePort, Data, Dsn, Host
from cli.reader import open_reader
from service.client import CallError, Client
from web import say

_Many = list[str] | None
_AT_ONCE = 10_000
_LOOK_AGAIN_SECONDS = 5.0
#: Parts stay a minute for readers, and the engine looks after them every half.
_LONGEST_SECONDS = 900.0


def forget(
    user: Annotated[_Many, typer.Option("--user", help="All traces with this user.")] = None,
    session: Annotated[_Many, typer.Option("--session", help="All traces of this session.")] = None,
    trace: Annotated[_Many, typer.Option("--trace", help="This trace.")] = None,
    where: Annotated[
        str, typer.Option("--where", help="All traces with a row of this: SQL on everyspan.spans.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until nothing of it is left on the disk.")
    ] = False,
    receipts: Annotated[
        bool, typer.Option("--receipts", help="List what was forgotten, and end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    host: Host = None,
    classify_port: ClassifyPort = None,
    alerting_port: AlertingPort = None,
    data: Data = None,
    clickhouse_dsn: Dsn = None,
    clickhouse_port: ClickHousePort = None,
) -> None:
    """Remove traces and all that was made of them, from the disk too."""
    settings = read_settings(ClassifySettings, host=host, classify_port=classify_port)
    if receipts:
        _list(call(settings, "GET", "/v1/forget"), as_json)
        return
    given = {"user": user, "session": session, "trace": trace, "where": [where] if where else None}
    asked = {by: values for by, values in given.items() if values}
    if len(asked) != 1:
        fail("say whom: one of --user, --session, --trace and --where", 2)
    ((by, values),) = asked.items()
    if by == "where":
        values = _matching(where, data, clickhouse_dsn, clickhouse_port)
    if by == "trace":
        values = [value.strip().lower() for value in values]
    body: dict[str, Any] = {"by": by, "values": values}
    found = call(settings, "POST", "/v1/forget", body | {"only_look": True}) if values else None
    alerting = read_settings(AlertingSettings, host=host, alerting_port=alerting_port)
    if not found or not found["traces"]:
        _alerts_alone(alerting, by, values, yes=yes, as_json=as_json)
        return
    what = f"{say.plural(len(found['traces']), 'trace')}, {say.plural(found['rows'], 'span')}"
    if not yes:
        console.print(
            f"{what}, with the replays of them, their reviews, the alerts about them and what data"
            " sets took from them"
        )
        typer.confirm("Forget them? Nothing brings them back", abort=True)
    receipt = call(settings, "POST", "/v1/forget", body)
    alerts = _alerts(alerting, by, values, found["traces"])
    if wait:
        receipt = _finished(settings, receipt["id"])
    if as_json:
        typer.echo(json.dumps(receipt | {"alerts": alerts}))
        return
    _show(receipt)
    console.print(_of_alerts(alerts))


def _matching(where: str, data: Path | None, dsn: str | None, port: int | None) -> list[str]:
    """Through the port for readers, whose guard takes one SELECT and nothing else."""
    with plain_errors():
        client, settings = open_reader(data, dsn, port)
        rows = client.query(
            f"SELECT DISTINCT trace_id FROM {settings.database}.spans WHERE (\n{where}\n)"
        ).result_rows
    return [str(row[0]) for row in rows]


def _alerts_alone(
    settings: AlertingSettings, by: str, values: list[str], *, yes: bool, as_json: bool
) -> None:
    """Where no span is stored any more: alerts may be kept for longer."""
    told = None
    if by != "where":
        if not yes:
            console.print(f"no trace of this {by} is stored; alerts may quote it still")
            typer.confirm("Forget what they quote? Nothing brings it back", abort=True)
        told = _alerts(settings, by, values, values if by == "trace" else [])
    if not told or not any(told.values()):
        fail(f"no trace of this {by} is stored", 1)
    if as_json:
        typer.echo(json.dumps({"traces": 0, "alerts": told}))
        return
    console.print(_of_alerts(told))


def _alerts(
    settings: AlertingSettings, by: str, values: list[str], traces: list[str]
) -> dict[str, int] | None:
    """None where no alerting service answers, or it refuses."""
    client = Client(
        "alerting",
        settings.host,
        settings.alerting_port,
        settings.alerting_token,
        "start `everyspan up` or `everyspan alerting`, or give --host and --alerting-port",
        60,
    )
    counts = {"deleted": 0, "left": 0}
    bodies = [{"traces": traces[at : at + _AT_ONCE]} for at in range(0, len(traces), _AT_ONCE)]
    if by in ("user", "session"):
        bodies += [{f"{by}s": values[at : at + _AT_ONCE]} for at in range(0, len(values), _AT_ONCE)]
    try:
        for body in bodies:
            told = client.call("POST", "/v1/forget", body)
            for name in counts:
                counts[name] += int(told[name])
    except CallError as error:
        console.print(Text(f"alerts: {error}", "yellow"), soft_wrap=True)
        return None
    return counts


def _finished(settings: ClassifySettings, name: str) -> Any:
    until = time.monotonic() + _LONGEST_SECONDS
    while True:
        found = next(r for r in call(settings, "GET", "/v1/forget") if r["id"] == name)
        if found["finished_at"]:
            return found
        if time.monotonic() > until:
            fail(
                f"{name}: something of it is still on the disk; see everyspan forget --receipts", 1
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def _list(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
        return
    for each in found:
        _show(each)
    if not found:
        console.print("nothing was forgotten yet")


def _show(receipt: dict[str, Any]) -> None:
    removed = ", ".join(f"{rows} of {table}" for table, rows in receipt["removed"].items())
    finished = receipt["finished_at"]
    state = (
        f"nothing of it is left on the disk since {finished[:19]}"
        if finished
        else "the disk is cleared within minutes: everyspan forget --receipts"
    )
    console.print(
        Text(
            f"{receipt['id']}  {receipt['asked_at'][:19]}  by {receipt['asked_by']}:"
            f" {say.plural(receipt['traces'], 'trace')}; rows removed: {removed or 'none yet'};"
            f" {state}"
        ),
        soft_wrap=True,
    )
    for note in receipt["notes"]:
        console.print(Text(f"  {note}"), soft_wrap=True)


def _of_alerts(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "alerts that name them stay: ask again when the alerting service answers"
    left = (
        f"; {counts['left']} are to be told yet or still fire, and go when they have ended"
        if counts["left"]
        else ""
    )
    return f"alerts: {counts['deleted']} records deleted{left}"
