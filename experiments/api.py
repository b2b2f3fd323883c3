"""Starting and stopping through the service that has the database open.

A part of classify's HTTP port (service/parts.py puts it there): the embedded engine serves one
process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict

from experiments.experiment_definition import DefinitionError, read_definition
from experiments.experiment_store import StateError, Stored, named, start, stop
from service.keys import ASKING


class Start(BaseModel):
    """``definition``: as a table of the TOML file. ``since``: count units from then."""

    model_config = ConfigDict(extra="forbid")

    definition: dict[str, Any]
    since: AwareDatetime | None = None


class Stop(BaseModel):
    """``winner``: what everybody gets; '' for the control."""

    model_config = ConfigDict(extra="forbid")

    winner: str = ""


def router(connect: Callable[[], Client], database: str, cluster: str = "") -> APIRouter:
    """``connect``: a client for one request; ``cluster``: EVERYSPAN_CLUSTER. With a key a name is
    one of its project; an operator says `alpha/checkout` of another than the default one. Answers
    422 for what the definition says and 409 for how the experiment stands."""
    routes = APIRouter(prefix="/v1/experiments")

    @routes.post("/{name:path}/start")
    def start_experiment(name: str, body: Start) -> dict[str, str]:
        """Start, or change what runs."""
        project, name = _whose(name)
        try:
            definition = read_definition({**body.definition, "name": name}, f"experiment {name}")
            with connect() as client:
                return summary(start(client, database, definition, body.since, cluster, project))
        except DefinitionError as error:
            raise HTTPException(422, str(error)) from error
        except StateError as error:
            raise HTTPException(409, str(error)) from error

    @routes.post("/{name:path}/stop")
    def stop_experiment(name: str, body: Stop) -> dict[str, str]:
        """Stop, for good or with a winner."""
        project, name = _whose(name)
        try:
            with connect() as client:
                return summary(stop(client, database, named(name, project), body.winner))
        except StateError as error:
            raise HTTPException(409, str(error)) from error

    return routes


def _whose(name: str) -> tuple[str, str]:
    """Project and name."""
    asked, _, plain = name.rpartition("/")
    own = ASKING.get().project
    if own is None:
        return asked, plain
    if asked not in ("", own):
        raise HTTPException(404, f"no experiment {name} was started")
    return own, plain


def summary(found: Stored) -> dict[str, str]:
    """What the command line tells."""
    return {
        "experiment": found.name,
        "status": "running" if found.running else "stopped",
        "winner": found.winner,
        "control": found.definition.control,
        "started_at": found.started_at.isoformat(timespec="seconds"),
        "counted_from": found.counted_from.isoformat(timespec="seconds"),
    }
