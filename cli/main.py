"""The ``everyspan`` command."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from cli import (
    alerts,
    classifier,
    classify,
    dataset,
    demo,
    experiment,
    migrate,
    replay,
    report,
    score,
    services,
    sql,
    status,
    trace,
    up,
)
from cli.console import console, unexpected

app = typer.Typer(
    name="everyspan",
    help="LLM monitoring that judges every span.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(up.up)
app.command()(services.ingest)
app.command()(classify.classify)
app.command()(services.alerting)
app.command()(migrate.migrate)
app.command()(sql.sql)
app.command()(trace.trace)
app.command(**replay.PASSED_ON)(replay.replay)
app.command(**replay.PASSED_ON)(replay.diff)
app.command()(status.status)
app.command()(report.report)
app.command()(score.score)
app.command()(score.evaluate)
app.command()(demo.demo)
app.add_typer(alerts.app, name="alerts")
app.add_typer(experiment.app, name="experiment")
app.add_typer(dataset.app, name="dataset")
app.add_typer(classifier.app, name="classifier")


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"everyspan {version('everyspan-server')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """LLM monitoring that judges every span."""


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except Exception:
        unexpected()
        sys.exit(1)


if __name__ == "__main__":
    main()
