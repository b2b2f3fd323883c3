"""The number of the deployed classifier set."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from classify.job.deployed_set import deploy, fingerprint
from classify.job.set_numbers import Numbers, newest
from tests.classify.job_store import Store, Tree, Words


def test_the_same_set_keeps_its_number(db: Store) -> None:
    assert newest(db.client, db.database) == Numbers(0)
    assert deploy(db.client, db.database, [Words(), Tree()]) == Numbers(1)
    assert deploy(db.client, db.database, [Tree(), Words()]) == Numbers(1)
    assert newest(db.client, db.database) == Numbers(1)
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
        deploy(db.client, db.database, [Words(version=version)]).shared
        for version in (1, 2, 2, 1, 3)
    ]
    assert numbers == [1, 2, 2, 3, 4]


def of_alpha(words: Words, **change: Any) -> Words:
    """As reviews of that project have made it for its rows."""
    vars(words)["of_projects"] = {"alpha": Words(**change)}
    return words


def test_a_project_has_numbers_of_its_own(db: Store) -> None:
    """Each change makes the rows old that it is about, and no others."""
    client, database = db.client, db.database
    deploy(client, database, [Words(), Tree()])
    own = deploy(client, database, [of_alpha(Words(), threshold=0.4), Tree()])
    assert own == Numbers(1, {"alpha": 2})
    # What moves for the others, and not for it.
    moved = [of_alpha(Words(threshold=0.7), threshold=0.4), Tree()]
    assert deploy(client, database, moved) == Numbers(2, {"alpha": 2})
    # What is new for all.
    newer = [of_alpha(Words(threshold=0.7), threshold=0.4), Tree(version=2)]
    assert deploy(client, database, newer) == Numbers(3, {"alpha": 4})
    # Taken back: it is judged as others are, again.
    last = deploy(client, database, [Words(threshold=0.7), Tree(version=2)])
    assert last == newest(client, database) == Numbers(3, {"alpha": 5})
    assert (last.of(""), last.of("beta"), last.of("alpha")) == (3, 3, 5)
    told = str(db.query("SELECT classifiers FROM classifier_sets"))
    assert "alpha" not in told, "every project's to read"
    assert "0.4" not in told


def test_workers_that_start_at_once_agree_about_projects(db: Store) -> None:
    sets = [[of_alpha(Words(), threshold=0.4)] for _ in range(4)]
    clients = [db.another_client() for _ in sets]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda c, s: deploy(c, db.database, s), clients, sets))
    assert found == [Numbers(1, {"alpha": 2})] * 4


def test_workers_that_start_at_once_agree(db: Store) -> None:
    clients = [db.another_client() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(lambda c: deploy(c, db.database, [Words()]).shared, clients))
    assert found == {1}
    assert deploy(db.client, db.database, [Words()]) == Numbers(1)


def test_different_sets_that_start_at_once_get_different_numbers(db: Store) -> None:
    sets = [[Words(version=i)] for i in range(3)]
    clients = [db.another_client() for _ in sets]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda c, s: deploy(c, db.database, s).shared, clients, sets))
    assert sorted(found) == [1, 2, 3]
