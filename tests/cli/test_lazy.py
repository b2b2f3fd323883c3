"""Commands are declared, and loaded when they are called."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from cli.commands import COMMANDS
from cli.lazy import Lazy
from cli.main import app
from tests.everyspan_up import ROOT

#: What services and readers are made of.
HEAVY = {"pydantic", "fastapi", "clickhouse_connect", "numpy", "uvicorn", "grpc", "opentelemetry"}
DECLARED = {"cli.commands", "cli.lazy", "cli.main"}
_TOLD = """
import sys
from everyspan.__main__ import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def loaded(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """What the command printed, and the modules that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", _TOLD, *arguments],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout, set(done.stderr.split())


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("cli.")}


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ()], ids=str)
def test_help_and_version_load_no_command(arguments: tuple[str, ...]) -> None:
    said, modules = loaded(*arguments)
    assert "everyspan" in said
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert ours(modules) == DECLARED
    assert len(modules) < 500


@pytest.mark.parametrize("name", COMMANDS)
def test_the_declaration_is_what_the_command_says(name: str) -> None:
    group = typer.main.get_command(app)
    lazy = group.commands[name]  # type: ignore[attr-defined]
    assert isinstance(lazy, Lazy)
    command = lazy.load()
    assert command.name == name
    assert (command.help or "").split("\n\n")[0].replace("\n", " ") == COMMANDS[name].help


def test_completion_knows_names_and_options() -> None:
    """Of names without loading what they name."""
    names, modules = completed("everyspan cl", 1)
    assert names == ["classify", "classifier"]
    assert ours(modules) == DECLARED
    assert completed("everyspan classify --si", 2)[0] == ["--since"]
    assert completed("everyspan alerts sil", 2)[0] == ["silence", "silences"]


def completed(words: str, number: int) -> tuple[list[str], set[str]]:
    """As bash asks, and the modules that were loaded for it."""
    asked = {"_EVERYSPAN_COMPLETE": "complete_bash", "COMP_WORDS": words}
    said, modules = loaded(**asked, COMP_CWORD=str(number))
    return said.split(), modules
