"""Stores versions for ``everyspan dataset``, where another process has the only engine open."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Depends, HTTPException, Request

from clickhouse.settings import ClickHouseSettings
from experiments.datasets import dataset_store
from experiments.datasets.errors import UnknownDatasetError
from experiments.datasets.item import Version, content_hash
from experiments.datasets.measurement import Drift
from service.keys import ASKING

#: A version of 50,000 items of a few kilobytes.
MAX_BYTES = 256 << 20


async def _small_enough(request: Request) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise HTTPException(411, "send a Content-Length")
    if int(length) > MAX_BYTES:
        raise HTTPException(413, f"over {MAX_BYTES} bytes; make the data set smaller with --limit")


def _whose(asked: str) -> str:
    """A key's own project, whatever is asked; what an operator says."""
    own = ASKING.get().project
    return asked if own is None else own


def router(settings: ClickHouseSettings, connect: Callable[[], Client]) -> APIRouter:
    """POST /v1/datasets, POST /v1/datasets/drift, DELETE /v1/datasets/{name}."""
    routes = APIRouter(prefix="/v1/datasets")
    # Numbers are given one at a time.
    turn = threading.Lock()

    @routes.post("", status_code=201, dependencies=[Depends(_small_enough)])
    def save(version: Version) -> dict[str, int]:
        """Store a version; its number."""
        if version.content_hash != content_hash(version.items):
            raise HTTPException(422, "content_hash is not that of the items; send it again")
        version = version.model_copy(update={"project": _whose(version.project)})
        with turn, connect() as client:
            return {"number": dataset_store.save(client, settings.database, version).number}

    @routes.post("/drift", status_code=201, dependencies=[Depends(_small_enough)])
    def save_drift(drift: Drift) -> dict[str, str]:
        """Keep a measurement."""
        drift = replace(drift, project=_whose(drift.project))
        with connect() as client:
            dataset_store.save_drift(client, settings.database, drift)
        return {"verdict": drift.verdict}

    @routes.delete("/{name}")
    def delete(name: str, project: str = "") -> dict[str, str]:
        """Delete every version."""
        try:
            with turn, connect() as client:
                dataset_store.delete(
                    client, settings.database, name, settings.on_cluster, _whose(project)
                )
        except UnknownDatasetError as error:
            raise HTTPException(404, str(error)) from error
        return {"deleted": name}

    return routes
