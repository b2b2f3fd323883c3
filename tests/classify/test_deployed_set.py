"""The number of the deployed classifier set."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from classify.job.deployed_set import deploy, fingerprint, latest_version
from tests.classify.job_store import Store, Tree, Words


def test_the_same_set_keeps_its_number(db: Store) -> None:
    assert latest_version(db.client, db.database) == 0
    assert deploy(db.client, db.database, [Words(), Tree()]) == 1
    assert deploy(db.client, db.database, [Tree(), Words()]) == 1
    assert latest_version(db.client, db.database) == 1
    stored = db.query("SELECT classifiers FROM classifier_sets")[0][0]
    assert [c["name"] for c in json.loads(stored)] == ["tree", "words"]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"threshold": 0.6},
        {"unit": "trace"},
        {"step_kinds": frozenset({"tool"})},
        {"needs": ("output",)},
        {"name": "other"},
    ],
)
def test_any_change_is_another_set(change: dict[str, Any]) -> None:
    assert fingerprint([Words(**change)]) != fingerprint([Words()])


def test_numbers_only_grow(db: Store) -> None:
    numbers = [
        deploy(db.client, db.database, [Words(version=version)]) for version in (1, 2, 2, 1, 3)
    ]
    assert numbers == [1, 2, 2, 3, 4]


def test_workers_that_start_at_once_agree(db: Store) -> None:
    clients = [db.another_client() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(lambda c: deploy(c, db.database, [Words()]), clients))
    assert found == {1}
    assert deploy(db.client, db.database, [Words()]) == 1


def test_different_sets_that_start_at_once_get_different_numbers(db: Store) -> None:
    sets = [[Words(version=i)] for i in range(3)]
    clients = [db.another_client() for _ in sets]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda c, s: deploy(c, db.database, s), clients, sets))
    assert sorted(found) == [1, 2, 3]
