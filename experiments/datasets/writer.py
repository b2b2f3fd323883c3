"""Where versions are written: straight into ClickHouse, or through the service that has it open."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol
from urllib.parse import urlencode

import orjson
from clickhouse_connect.driver.client import Client

from clickhouse.settings import ClickHouseSettings
from experiments.datasets import dataset_store
from experiments.datasets.item import Version
from experiments.datasets.measurement import Drift
from service.client import Client as HttpClient


class Writer(Protocol):
    """Raises DatasetError, CallError, and clickhouse-connect's errors."""

    def save(self, version: Version) -> Version:
        """Store it; the version with its number."""
        ...

    def save_drift(self, drift: Drift) -> None:
        """Keep a measurement."""
        ...

    def delete(self, dataset: str, project: str) -> None:
        """Delete every version. ``project``: '' for the default one, and for the key's own."""
        ...


class Direct:
    """By a client that may write."""

    def __init__(self, client: Client, settings: ClickHouseSettings) -> None:
        self._client, self._settings = client, settings

    def save(self, version: Version) -> Version:
        return dataset_store.save(self._client, self._settings.database, version)

    def save_drift(self, drift: Drift) -> None:
        dataset_store.save_drift(self._client, self._settings.database, drift)

    def delete(self, dataset: str, project: str) -> None:
        dataset_store.delete(
            self._client, self._settings.database, dataset, self._settings.on_cluster, project
        )


class Service:
    """Through the classify service of a running ``everyspan up``."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def save(self, version: Version) -> Version:
        answer = self._client.call("POST", "/v1/datasets", version.model_dump_json().encode())
        return version.model_copy(update={"number": int(answer["number"])})

    def save_drift(self, drift: Drift) -> None:
        self._client.call("POST", "/v1/datasets/drift", orjson.dumps(asdict(drift)))

    def delete(self, dataset: str, project: str) -> None:
        asked = f"?{urlencode({'project': project})}" if project else ""
        self._client.call("DELETE", f"/v1/datasets/{dataset}{asked}")
