"""Terminal output, and how errors of the user's making are shown.

Most of what commands print was written by strangers: names, answers and errors in spans. Here is
the one place where it becomes text and nothing else: a string is never read as rich's markup
(styles are given as ``Text``), and control characters are made visible. Only ``put`` writes bytes
as they are.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from rich.console import (
    Console,
    ConsoleDimensions,
    ConsoleOptions,
    ConsoleRenderable,
    RenderHook,
)
from rich.segment import Segment
from rich.text import Text

from service import printable
from service.errors import UserError

#: Columns; COLUMNS in the environment, where somebody sets it, counts instead.
_OF_A_PIPE = 10_000


class _Shown:
    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text, style, control in console.render(self._renderable, options):
            yield Segment(text if control else printable.lines(text), style, control)


class _Neutral(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Shown(each) for each in renderables]


class _Console(Console):
    """As wide as the terminal; to a pipe or a file nothing is folded or cut."""

    @property  # type: ignore[misc]  # nobody sets it
    def size(self) -> ConsoleDimensions:
        found = super().size
        return found if self.is_terminal else ConsoleDimensions(_OF_A_PIPE, found.height)


def _console(*, stderr: bool) -> Console:
    made = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    made.push_render_hook(_Neutral())
    return made


console = _console(stderr=False)
errors = _console(stderr=True)

_Settings = TypeVar("_Settings", bound=BaseSettings)


def read_settings(kind: type[_Settings], **given: object) -> _Settings:
    """Settings from the options that were given, else the environment, else the defaults.

    Ends the command with one line for each setting that is wrong.
    """
    try:
        overrides: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        return kind(**overrides)
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            text = problem["msg"].removeprefix("Value error, ")
            if name:
                text = f"EVERYSPAN_{name}: {text}; got {problem['input']!r}"
            error_line(text)
        raise typer.Exit(2) from error


def error_line(told: str) -> None:
    """What is wrong, on stderr."""
    errors.print(Text.assemble(("error:", "bold red"), f" {told}"), soft_wrap=True)


def fail(told: str, code: int = 1) -> NoReturn:
    """End the command with an error."""
    error_line(told)
    raise typer.Exit(code)


def put(output: bytes | str) -> None:
    """What another program reads, exactly; on a terminal, which would obey it, as text."""
    data = output.encode("utf-8", "surrogatepass") if isinstance(output, str) else output
    if sys.stdout.isatty():
        data = printable.lines(data.decode("utf-8", "replace")).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def unexpected() -> None:
    """The traceback of an error that is ours: it may quote what is stored."""
    errors.print(traceback.format_exc(), soft_wrap=True)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Expected failures end the command with their sentence instead of a stack trace."""
    try:
        yield
    except UserError as error:
        fail(str(error))
    except Exception as error:
        if not _is_of_clickhouse(error):
            raise
        fail(str(error))


def _is_of_clickhouse(error: Exception) -> bool:
    """A ClickHouseError, whose library only commands that raise it load."""
    driver = sys.modules.get("clickhouse_connect.driver.exceptions")
    return driver is not None and isinstance(error, driver.ClickHouseError)
