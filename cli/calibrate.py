"""``everyspan calibrate CLASSIFIER``: lets reviews move its threshold, or takes that back."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from classify.settings import ClassifySettings
from cli.classify_client import call
from cli.console import console, read_settings
from cli.options import ClassifyPort, Host
from service.keys import DEFAULT


def calibrate(
    classifier: Annotated[
        str, typer.Argument(help="Whose threshold; without one all that was moved is listed.")
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the last move back.")] = False,
    project: Annotated[
        str,
        typer.Option(
            help="Whose answers, and for whose rows; the default project's by default. A key's is"
            " its own."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    host: Host = None,
    classify_port: ClassifyPort = None,
) -> None:
    """Let reviews move a classifier's threshold now, or take the last move back."""
    settings = read_settings(ClassifySettings, host=host, classify_port=classify_port)
    if not classifier:
        if undo:
            raise typer.BadParameter("--undo needs the name of a classifier")
        states = call(settings, "GET", "/v1/calibrations")
        if as_json:
            typer.echo(json.dumps(states))
            return
        for each in states:
            console.print(Text(_line(each)), soft_wrap=True)
        if not states:
            console.print("no review has moved a threshold yet")
        return
    body = {"classifier": classifier, "undo": undo, "project": project}
    found = call(settings, "POST", "/v1/calibrations", body)
    if as_json:
        typer.echo(json.dumps(found))
        return
    state = found["calibration"]
    if state is None:
        console.print(Text(f"{classifier} stays as it is: {found['reason']}"), soft_wrap=True)
        return
    console.print(Text(_line(state)), soft_wrap=True)
    console.print("old rows are judged again in the background; `everyspan status` shows how far")
    if not undo:
        of = f" --project {project}" if project else ""
        console.print(f"everyspan calibrate {classifier}{of} --undo takes it back")


def _line(state: dict[str, Any]) -> str:
    """'toxicity 2: fails from 0.62 (its own: 0.83). 40 answers: down …'."""
    own = f" (its own: {state['own']:.3g})" if state["moved"] else ", its own"
    if state.get("head"):
        own = ", its own, with a head of your own traffic"
    # The name of a project's own classifier says whose it is.
    named = state["project"] == DEFAULT or "/" in state["classifier"]
    of = "" if named else f" of {state['project']}"
    return (
        f"{state['classifier']}{of} {state['number']}: fails from {state['threshold']:.3g}{own}."
        f" {state['reason']}"
    )
