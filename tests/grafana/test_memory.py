"""What the evaluation of rules remembers over a restart, whatever is in its file."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from grafana.evaluation.memory import Group, Memory
from grafana.evaluation.states import Instance

AT = datetime(2026, 11, 24, 1, tzinfo=UTC)


def written(path: Path) -> dict[str, Any]:
    """Two rules and two groups."""
    memory = Memory(path)
    for uid in ("one", "two"):
        each = Instance(uid, {"alertname": uid}, {}, "alerting", AT, AT, None, {"B": 1.0})
        memory.instances[uid] = {each.fingerprint: each}
        memory.groups[uid] = Group(1.0, 2.0, {"f": "x"})
    memory.write()
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    written(path)
    memory = Memory.read(path)
    assert sorted(memory.instances) == ["one", "two"]
    (instance,) = memory.instances["one"].values()
    assert (instance.since, instance.starts_at, instance.firing) == (AT, AT, True)
    assert memory.groups["two"] == Group(1.0, 2.0, {"f": "x"})


@pytest.mark.parametrize(
    "change",
    [
        {"instances": {"one": 1}},
        {"instances": {"one": [{}]}},
        {"instances": {"one": [["x"]]}},
        {"groups": {"one": []}},
        {"groups": {"one": {"first": "never"}}},
        {"groups": {"one": {"first": 1, "content": 3}}},
    ],
    ids=str,
)
def test_one_that_cannot_be_read_is_set_aside(
    tmp_path: Path, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "evaluation.json"
    document = written(path)
    ((part, entries),) = change.items()
    document[part] |= entries
    path.write_text(json.dumps(document))
    with caplog.at_level(logging.ERROR):
        memory = Memory.read(path)
    assert list(getattr(memory, part)) == ["two"]
    assert "one" in caplog.text
    memory.write()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", '{"instances": []}', '{"instances": {}, "groups": 1}']
)
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "evaluation.json"
    path.write_text(text)
    memory = Memory.read(path)
    assert (memory.instances, memory.groups) == ({}, {})
