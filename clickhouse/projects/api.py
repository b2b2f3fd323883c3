"""/v1/keys and /v1/audit: a part of classify's HTTP port, which has the database open."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from clickhouse.projects import audit, key_store
from clickhouse.projects.key_store import NEVER, NoSuchKeyError, StoredKey
from service.keys import ASKING, Scope, Who, told


class Asked(BaseModel):
    """``spans_per_second``: 0 for as many as come."""

    model_config = ConfigDict(extra="forbid")

    project: str
    scopes: Annotated[list[Scope], Field(min_length=1)]
    name: Annotated[str, Field(max_length=100)] = ""
    spans_per_second: Annotated[int, Field(ge=0, le=10_000_000)] = 0


def router(
    connect: Callable[[], Client], database: str, noted: Callable[[Who, str], None]
) -> APIRouter:
    """``noted``: told which key was made, and by whom; of the rest, the path says it. A key with
    the scope `admin` makes, sees and revokes those of its own project; the operator all. Answers
    422 for what can't be made, 404 for what is not there (for whoever asks)."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/keys", status_code=HTTPStatus.CREATED)
    def create(asked: Asked) -> dict[str, Any]:
        """Make a key; its text is told here and never again."""
        mine = ASKING.get().project
        if mine is not None and asked.project != told(mine):
            raise HTTPException(HTTPStatus.FORBIDDEN, f"this key is of the project {told(mine)}")
        try:
            with connect() as client:
                stored, text = key_store.create(
                    client,
                    database,
                    asked.project,
                    asked.scopes,
                    name=asked.name,
                    spans_per_second=asked.spans_per_second,
                )
        except NoSuchKeyError as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        noted(
            ASKING.get(),
            f"made key {stored.key.id} of {told(stored.key.project)}:"
            f" {', '.join(sorted(stored.key.scopes))}",
        )
        return {**shown(stored), "key": text}

    @routes.get("/keys")
    def keys() -> list[dict[str, Any]]:
        """All that ever were, the newest first."""
        with connect() as client:
            return [shown(each) for each in key_store.read(client, database) if _sees(each)]

    @routes.delete("/keys/{number}")
    def revoke(number: str) -> dict[str, Any]:
        """It opens nothing any more, within seconds."""
        try:
            with connect() as client:
                if not any(
                    each.key.id == number and _sees(each)
                    for each in key_store.read(client, database)
                ):
                    raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no key {number}")
                return shown(key_store.revoke(client, database, number))
        except NoSuchKeyError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error

    @routes.get("/audit")
    def acts(limit: Annotated[int, Field(ge=1, le=10_000)] = 100) -> list[dict[str, Any]]:
        """What was done, the newest first."""
        with connect() as client:
            return [
                {
                    "at": each.at.isoformat(timespec="milliseconds"),
                    "who": each.who,
                    "project": told(each.project),
                    "act": each.act,
                    "what": each.what,
                }
                for each in audit.read(client, database, limit)
            ]

    return routes


def _sees(stored: StoredKey) -> bool:
    mine = ASKING.get().project
    return mine is None or stored.key.project == mine


def shown(stored: StoredKey) -> dict[str, Any]:
    """For a program; times as ISO 8601, null for what never was."""
    key = stored.key
    return {
        "id": key.id,
        "project": told(key.project),
        "name": key.name,
        "scopes": sorted(key.scopes),
        "spans_per_second": key.spans_per_second,
        "created_at": stored.created_at.isoformat(timespec="seconds"),
        "used_at": _iso(stored.used_at),
        "revoked_at": _iso(stored.revoked_at),
    }


def _iso(at: Any) -> str | None:
    return at.isoformat(timespec="seconds") if at > NEVER else None
