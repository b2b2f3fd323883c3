"""Commands whose code is loaded when they are called: the help and completion of their names need
their declarations only."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cli.commands import COMMANDS, Declared

#: What a command with `passed_on` says to the parser.
_PASSED_ON: dict[str, Any] = {
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    "add_help_option": False,
}


class Lazy(TyperCommand):
    """Stands for a declared command until its own context is made."""

    def __init__(self, name: str, declared: Declared) -> None:
        super().__init__(name, help=declared.help)
        self._declared = declared

    def load(self) -> TyperCommand | TyperGroup:
        """The command itself."""
        module, _, attribute = self._declared.place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = self.name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(self.name, **(_PASSED_ON if self._declared.passed_on else {}))(found)
        command = typer.main.get_command(alone)
        assert isinstance(command, TyperCommand)
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        return self.load().make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """All that are declared."""

    def __init__(self, **attrs: Any) -> None:
        attrs["commands"] = {name: Lazy(name, declared) for name, declared in COMMANDS.items()}
        super().__init__(**attrs)
