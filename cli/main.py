"""The server's commands of ``everyspan``. The script is the SDK's, which finds them here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from cli.lazy import Commands

app = typer.Typer(
    name="everyspan",
    cls=Commands,
    help="LLM monitoring that judges every span.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"everyspan {version('everyspan-server')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """LLM monitoring that judges every span."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Of the entry-point group ``everyspan.commands``. ``arguments``: the process's own by
    default. Ends the process."""
    try:
        app(args=arguments, prog_name="everyspan")
    except Exception:
        from cli.console import unexpected

        unexpected()
        sys.exit(1)


if __name__ == "__main__":
    main()
