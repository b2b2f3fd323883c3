"""A copy of what declares things, for a test to change: the checkout itself is never changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from classify.registry import BUILT_IN
from tests.contract import classifiers, columns
from tests.contract.problem import ROOT
from tests.contract.stored import Stored, stored


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The root of the copy. What another statement reads, its test copies with `copied`."""
    root = tmp_path / "house"
    for name in (*classifiers.READ, columns.README):
        copied(root, name)
    return root


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """As the checkout's migrations make them."""
    return stored(tmp_path_factory.mktemp("contract") / "clickhouse", [c.name for c in BUILT_IN])


def copied(root: Path, name: str) -> Path:
    """A file or folder of the checkout, in the copy."""
    there = root / name
    there.parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / name).is_dir():
        shutil.copytree(ROOT / name, there, dirs_exist_ok=True)
    else:
        shutil.copy(ROOT / name, there)
    return there
