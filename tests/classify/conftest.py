"""A database of each test's own, in one engine a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.classify.job_store import Store, engine, store


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engine(tmp_path_factory.mktemp("classify")) as opened:
        yield opened


@pytest.fixture
def db(dsn: str) -> Iterator[Store]:
    with store(dsn) as opened:
        yield opened
