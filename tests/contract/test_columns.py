"""Every column of ``spans`` is described, and one that is not is told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from classify.registry import BUILT_IN
from tests.contract.columns import README, problems
from tests.contract.problem import ROOT, told
from tests.contract.stored import Stored

NAMES = [each.name for each in BUILT_IN]


def test_columns_and_their_description(tables: Stored) -> None:
    found = problems(ROOT, NAMES, tables)
    assert not found, told(found)


def test_a_column_that_is_not_described(house: Path, tables: Stored) -> None:
    path = house / README
    text, count = re.subn(r"\| `session_id` \|.*\n", "", path.read_text(encoding="utf-8"))
    assert count == 1
    path.write_text(text, encoding="utf-8")
    (found,) = problems(house, NAMES, tables)
    assert found.file == README
    assert "'session_id'" in found.what
    assert "add | `session_id` | " in found.remedy


def test_a_new_column_and_one_that_is_gone(house: Path, tables: Stored) -> None:
    columns = {**tables.columns, "mood": "String"}
    del columns["session_id"]
    found = problems(house, NAMES, replace(tables, columns=columns))
    assert [(each.file, each.what) for each in found] == [
        (README, "column 'mood' of spans is not described"),
        (README, "there is no column 'session_id'"),
        ("clickhouse/migrations", "field 'session_id' of clickhouse/span.py has no column"),
    ]


def test_a_column_of_another_type(house: Path, tables: Stored) -> None:
    columns = {**tables.columns, "session_id": "UInt8"}
    (found,) = problems(house, NAMES, replace(tables, columns=columns))
    assert found.file == README
    assert "session_id" in found.what
    assert found.remedy == "write UInt8"
