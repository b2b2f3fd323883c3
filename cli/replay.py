"""``everyspan replay`` and ``everyspan diff``: the SDK's own, which runs where the agent does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer

from cli.console import fail

#: Options, help and exit status are the SDK's.
PASSED_ON: dict[str, Any] = {
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    "add_help_option": False,
}


def replay(context: typer.Context) -> None:
    """Run an agent again from a step of a recorded trace, unchanged or forked."""
    _sdk("replay", context.args)


def diff(context: typer.Context) -> None:
    """Compare two traces step by step."""
    _sdk("diff", context.args)


def _sdk(name: str, arguments: Sequence[str]) -> None:
    try:
        from everyspan.replay import command
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("everyspan", "opentelemetry"):
            raise
        fail(
            f"everyspan {name} runs the agent, so it comes with the SDK: "
            "pip install everyspan-sdk, in the agent's environment"
        )
    run: Callable[[Sequence[str]], int] = getattr(command, name)
    raise typer.Exit(run(arguments))
