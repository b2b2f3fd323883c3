"""A small shop's traffic, judged, and a catalog over it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from classify.custom.catalog import Catalog
from clickhouse.connection import connect
from tests.classify.custom.traffic import OTHERS, REFUNDS, answers
from tests.classify.job_store import Store, store

BUILT_IN = ("words", "tree")


@pytest.fixture
def db(dsn: str) -> Iterator[Store]:
    """Eight refunds (numbers 0 to 7) and twenty other answers (8 to 27), judged."""
    with store(dsn) as opened:
        opened.insert(answers([*REFUNDS, *OTHERS]))
        opened.judge(classify_embed_share=1.0)
        yield opened


@pytest.fixture
def catalog(db: Store) -> Catalog:
    return Catalog(lambda: connect(db.settings.dsn), db.database, BUILT_IN)
