"""A migrated database, and what makes data sets out of it: the real engine, the real encoder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from experiments.datasets.condition import Columns
from experiments.datasets.encoder import fingerprint, vectors
from experiments.datasets.source import Source
from tests.clickhouse.databases import engine
from tests.clickhouse.migrated import without_rows


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One engine a module: a process can have one open at a time."""
    with engine(tmp_path_factory.mktemp("datasets") / "clickhouse") as found:
        yield found


@pytest.fixture
def source(dsn: str) -> Iterator[Source]:
    """An empty database of its own."""
    with without_rows(dsn) as (client, name):
        client.database = name
        yield Source(client, vectors, fingerprint(), Columns(client))
