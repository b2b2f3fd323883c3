"""Pythons that are promised are those that CI runs."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
PREFIX = "Programming Language :: Python :: 3."


@pytest.mark.parametrize(
    ("project", "job", "command"),
    [("pyproject.toml", "server", "bash .ci/run"), ("sdk/pyproject.toml", "sdk", "make test-sdk")],
)
def test_every_python_that_is_promised_is_run(project: str, job: str, command: str) -> None:
    document = tomllib.loads((ROOT / project).read_text(encoding="utf-8"))
    promised = [
        line.removeprefix("Programming Language :: Python :: ")
        for line in document["project"]["classifiers"]
        if line.startswith(PREFIX)
    ]
    assert document["project"]["requires-python"] == f">={promised[0]}"
    assert document["tool"]["mypy"]["python_version"] == promised[0]
    assert WORKFLOW["jobs"][job]["strategy"]["matrix"]["python"] == promised
    assert [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step] == [command]


def test_hooks_are_local_and_install_nothing() -> None:
    """Their versions are those of the lock."""
    found = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    for repo in found["repos"]:
        assert repo["repo"] == "local"
        for hook in repo["hooks"]:
            assert hook["language"] == "system", hook["id"]
            assert "additional_dependencies" not in hook
    entries = " ".join(hook["entry"] for repo in found["repos"] for hook in repo["hooks"])
    for check in ("ruff check", "ruff format --check", "bin/mypy", "cd sdk && ../.venv/bin/mypy"):
        assert check in entries
