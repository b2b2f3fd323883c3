"""/v1/forget: traces that are to be gone, done by the service that writes their rows.

A batch that is being judged writes its rows once more, and a sender tries again: what comes of a
forgotten trace within the hour is removed too.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Self

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from clickhouse.erasure import erasures
from clickhouse.erasure.erase import By, Found, erase, find, finish, keep_parts
from clickhouse.erasure.erasures import Erasure
from clickhouse.settings import ClickHouseSettings
from service.keys import ASKING
from service.keys import told as whose

_Id = Annotated[str, Field(min_length=1, max_length=4096)]
_TRACE = r"[0-9a-f]{32}"


class Forgetting:
    """``connect``: a client for each thread that asks. One erasure at a time."""

    def __init__(self, connect: Callable[[], Client], settings: ClickHouseSettings) -> None:
        self._connect = connect
        self._settings = settings
        self._one = threading.Lock()
        self._is_short = True

    def find(self, by: By, values: list[str], project: str | None = None) -> Found:
        """What would go. ``project``: whose rows; None for all."""
        with self._connect() as client:
            return find(client, self._settings, by, values, project)

    def forget(self, by: By, values: list[str], project: str | None = None) -> Erasure | None:
        """None where there is nothing."""
        with self._one, self._connect() as client:
            found = find(client, self._settings, by, values, project)
            if not found.traces:
                return None
            self._is_short = True
            return erase(client, self._settings, by, found, project)

    def go_on(self) -> None:
        """With all that is not finished, or of which something may still come."""
        with self._one, self._connect() as client:
            open_ = [
                finish(client, self._settings, each)
                for each in erasures.read(client, self._settings.database)
                if each.is_watched or not each.is_finished
            ]
            if self._is_short and all(each.is_finished for each in open_):
                keep_parts(client, self._settings, shortly=False)
                self._is_short = False

    def receipts(self) -> list[Erasure]:
        """The newest first."""
        with self._connect() as client:
            return erasures.read(client, self._settings.database)


class Asked(BaseModel):
    """``values``: ids of users, sessions or traces. ``only_look``: say what would go."""

    model_config = ConfigDict(extra="forbid")

    by: By
    values: Annotated[list[_Id], Field(min_length=1, max_length=100_000)]
    only_look: bool = False

    @model_validator(mode="after")
    def _are_ids(self) -> Self:
        if self.by in ("trace", "where"):
            for value in self.values:
                if not re.fullmatch(_TRACE, value):
                    raise ValueError(f"values: {value[:80]!r} is no trace id of 32 hex digits")
        return self


def forgetting(work: Forgetting) -> APIRouter:
    """With a key: of its project, and no other's. Answers 404 where there is nothing to forget."""
    routes = APIRouter(prefix="/v1/forget")

    @routes.post("")
    def forget(body: Asked, response: Response) -> dict[str, Any]:
        """Forget traces, or say which would be."""
        if body.only_look:
            found = work.find(body.by, body.values, ASKING.get().project)
            return {"traces": found.traces, "rows": found.rows}
        erasure = work.forget(body.by, body.values, ASKING.get().project)
        if erasure is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no trace of this {body.by} is stored")
        response.status_code = HTTPStatus.ACCEPTED
        return told(erasure)

    @routes.get("")
    def receipts() -> list[dict[str, Any]]:
        """What was forgotten, the newest first."""
        own = ASKING.get().project
        return [told(each) for each in work.receipts() if own is None or each.project == own]

    return routes


def told(erasure: Erasure) -> dict[str, Any]:
    """For a program; times as ISO 8601, null for what is not done."""
    return {
        "id": erasure.id,
        "asked_at": erasure.asked_at.isoformat(),
        "asked_by": erasure.asked_by,
        "project": None if erasure.project is None else whose(erasure.project),
        "traces": erasure.traces,
        "removed": dict(erasure.removed),
        "notes": list(erasure.notes),
        "finished_at": erasure.finished_at.isoformat() if erasure.is_finished else None,
    }
