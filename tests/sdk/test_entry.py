"""`everyspan.entry`: what code declares, and of that what a replay may run by name."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

import everyspan
from everyspan import _entries, _own


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The registry, empty before and as it was after."""
    monkeypatch.setattr(_entries, "_declared", {})
    monkeypatch.setattr(_own, "named", set())
    return _entries.declared


def _module(monkeypatch: pytest.MonkeyPatch, name: str, path: Path, code: str) -> Any:
    """A module of that file, loaded."""
    made = types.ModuleType(name)
    made.__file__ = str(path)
    monkeypatch.setitem(sys.modules, name, made)
    exec(compile(code, str(path), "exec"), made.__dict__)
    return made


CODE = """
import everyspan


@everyspan.entry
def run(question):
    return question


@everyspan.step(kind="agent")
def agent(question):
    return question


@everyspan.step(kind="agent", unsafe=True)
def paying(question):
    return question


@everyspan.step(kind="tool")
def tool(question):
    return question


class Bot:
    @everyspan.step(kind="agent")
    def run(self):
        return self


def late(question):
    return question


graph = everyspan.entry(object(), name="mine:graph")
"""


def test_what_is_declared(declared: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    made = _module(monkeypatch, "mine", tmp_path / "mine.py", CODE)
    found = declared()
    assert {name: one.said for name, one in found.items()} == {
        "mine:run": True,
        "mine:agent": False,
        "mine:graph": True,
    }
    assert found["mine:graph"].target is made.graph
    assert found["mine:run"].target is made.run
    assert made.run("x") == "x", "what is declared is as it was"
    _entries.of_init("mine:late")
    assert declared()["mine:late"].target is made.late
    _entries.of_init("os:system")
    _entries.of_init("mine:nothing")
    assert not {"os:system", "mine:nothing"} & declared().keys()


@pytest.mark.parametrize(
    "path", ["/elsewhere/mine.py", "{here}/.venv/lib/python3.11/site-packages/mine.py"]
)
def test_other_peoples_code_declares_nothing_until_it_is_named(
    declared: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _module(monkeypatch, "mine", Path(path.format(here=tmp_path)), CODE)
    assert declared() == {}
    _own.named.add("mine")
    assert "mine:run" in declared()


def test_a_wrong_name_is_said(declared: Any) -> None:
    for name in ("run", ":run", "mine:", "a b:c", "mine:run()", "$(id):x", "mine:run\n"):
        with pytest.raises(ValueError, match="no module:function"):
            everyspan.entry(object(), name=name)
        with pytest.raises(ValueError, match="no module:function"):
            _entries.of_init(name)
    with pytest.raises(ValueError, match="no module:function"):
        everyspan.entry(lambda: None)

    @everyspan.entry(name="mine:inner")
    def inner() -> None:
        """Named, so that it may be within another."""

    assert "mine:inner" in _entries._declared


def test_a_lookup_does_not_ask_a_modules_getattr(
    declared: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    made = _module(monkeypatch, "lazy", tmp_path / "lazy.py", "class Held: pass")
    made.__getattr__ = asked.append
    assert _own.class_of("lazy", "Other") is None
    assert _own.class_of("lazy", "Held") is made.Held
    assert _own.class_of("lazy", "Held.__class__") is None
    assert _own.class_of("gone", "Held") is None
    assert asked == []
