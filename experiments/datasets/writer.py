"""Where versions are written: straight into ClickHouse, or through the service that has it open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

import orjson
import requests
from clickhouse_connect.driver.client import Client

from clickhouse.settings import ClickHouseSettings
from experiments.datasets import store
from experiments.datasets.errors import DatasetError
from experiments.datasets.item import Version
from experiments.datasets.measurement import Drift


class Writer(Protocol):
    """Raises DatasetError, and clickhouse-connect's errors."""

    def save(self, version: Version) -> Version:
        """Store it; the version with its number."""
        ...

    def save_drift(self, drift: Drift) -> None:
        """Keep a measurement."""
        ...

    def delete(self, dataset: str) -> None:
        """Delete every version."""
        ...


class Direct:
    """By a client that may write."""

    def __init__(self, client: Client, settings: ClickHouseSettings) -> None:
        self._client, self._settings = client, settings

    def save(self, version: Version) -> Version:
        return store.save(self._client, self._settings.database, version)

    def save_drift(self, drift: Drift) -> None:
        store.save_drift(self._client, self._settings.database, drift)

    def delete(self, dataset: str) -> None:
        store.delete(self._client, self._settings.database, dataset, self._settings.on_cluster)


class Service:
    """Through the classify service of a running ``everyspan up``."""

    def __init__(self, address: str) -> None:
        self._address = address

    def save(self, version: Version) -> Version:
        answer = self._ask(requests.post, "", version.model_dump_json().encode())
        return version.model_copy(update={"number": int(answer["number"])})

    def save_drift(self, drift: Drift) -> None:
        self._ask(requests.post, "/drift", orjson.dumps(asdict(drift)))

    def delete(self, dataset: str) -> None:
        self._ask(requests.delete, f"/{dataset}")

    def _ask(
        self, method: Callable[..., requests.Response], path: str, body: bytes = b""
    ) -> dict[str, Any]:
        try:
            answer = method(
                f"{self._address}/v1/datasets{path}",
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=120,
            )
        except requests.RequestException as error:
            raise DatasetError(
                f"no service answers at {self._address}, through which data sets are stored; give"
                " --host and --classify-port of the running `everyspan up`"
            ) from error
        try:
            found = answer.json()
        except ValueError:
            found = {"detail": answer.text}
        if not answer.ok:
            raise DatasetError(f"{self._address}: {answer.status_code} {found.get('detail')}")
        return dict(found)
