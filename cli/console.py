"""Terminal output, and how errors of the user's making are shown."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from rich.console import Console

from alerting.enrich.playbook import PlaybookError
from alerting.enrich.source_code import RootsError
from alerting.routing import RoutesError
from alerting.spool import SpoolError
from classify.custom.definition import DefinitionError as ClassifierError
from classify.models.checksums import ModelError
from classify.thresholds import ThresholdError
from cli.serve import AddressInUseError
from clickhouse.connection import StorageUnavailableError
from clickhouse.migrate import MigrationError
from experiments.datasets.errors import DatasetError
from experiments.definition import DefinitionError
from experiments.store import StateError
from grafana.evaluation.evaluator import RulesError
from ingest.grpc_server import PortInUseError

console = Console()
errors = Console(stderr=True)

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
            errors.print(f"[bold red]error:[/] {text}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def fail(told: str, code: int = 1) -> NoReturn:
    """End the command with an error."""
    errors.print("[bold red]error:[/]", end=" ")
    errors.print(told, highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Expected failures end the command with their sentence instead of a stack trace."""
    try:
        yield
    except (
        AddressInUseError,
        PortInUseError,
        StorageUnavailableError,
        MigrationError,
        ThresholdError,
        ClassifierError,
        DefinitionError,
        RulesError,
        RoutesError,
        RootsError,
        PlaybookError,
        SpoolError,
        StateError,
        DatasetError,
        ModelError,
        ClickHouseError,
    ) as error:
        fail(str(error))


def log_to_stderr() -> None:
    """Services log to stderr, one line an event."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
