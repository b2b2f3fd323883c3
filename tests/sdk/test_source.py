"""Whose code a span was started in."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest
from everyspan import _source


def test_a_command_of_the_environment_is_nobodys_code(tmp_path: Path) -> None:
    """`everyspan replay` is the outermost frame of what it runs, wherever the environment lies."""
    script = os.path.realpath(os.path.join(sysconfig.get_path("scripts"), "everyspan"))
    assert _source.is_library(script)
    sources = _source.Sources(Path(script).parents[2])
    found: list[object] = []
    space = {"__name__": "__main__", "found": found, "caller": sources.caller}
    text = "import sys\nfound.append(caller(sys._getframe()))\n"
    exec(compile(text, script, "exec"), space)
    assert found[0] is None or script not in str(found[0])
    assert (found[0] or ("",))[0] != os.path.relpath(script, Path(script).parents[2])  # type: ignore[index]


@pytest.mark.parametrize("name", ["agent.py", "bin/agent.py", "venv_notes/agent.py"])
def test_ones_own_file_is_ones_own(tmp_path: Path, name: str) -> None:
    assert not _source.is_library(str(tmp_path / name))
