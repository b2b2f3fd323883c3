"""``everyspan replay`` and ``everyspan diff`` are the SDK's, which runs where the agent does: its
script does not come here for them. They are in the list of commands, and `python -m cli.main` has
them."""

from __future__ import annotations

import typer


def replay(context: typer.Context) -> None:
    """Run an agent again from a step of a recorded trace, unchanged or forked."""
    from everyspan.replay import command

    raise typer.Exit(command.replay(context.args))


def diff(context: typer.Context) -> None:
    """Compare two traces step by step."""
    from everyspan.replay import command

    raise typer.Exit(command.diff(context.args))
