"""The image: two stages, pinned, no root, everything that the services need in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.compose.compose_file import ROOT

LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = tuple(_PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_stages_are_pinned_and_the_last_is_lean() -> None:
    stages = [line for line in LINES if line.startswith("FROM ")]
    assert len(stages) == 2
    for stage in stages:
        assert re.match(r"FROM python:3\.\d+\.\d+-slim-\w+", stage)
    last = LINES[LINES.index(stages[1]) :]
    assert any(line.startswith("USER 10001") for line in last)
    assert not any(re.search(r"\b(pip install|apt-get|curl|gcc|ADD)\b", line) for line in last)
    assert "embedded" not in "".join(line for line in LINES if not line.startswith("#"))
    assert not any(re.search(r"(PASSWORD|TOKEN|SECRET)", line) for line in LINES)


def test_every_package_is_copied_and_let_through() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    ignore = [line for line in ignore if not line.startswith("#")]
    assert ignore[0] == "*"
    for line in LINES:
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert f"!{source}" in ignore, source
                assert (ROOT / source).exists()
    assert {f"COPY {name} {name}" for name in (*PACKAGES, "sdk")} <= set(LINES)
    (built,) = [line for line in LINES if "pip wheel" in line]
    assert built.removesuffix(" \\").split()[-2:] == ["./sdk", "."], "the command is the SDK's"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image installs."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(ROOT)],
        check=True,
        timeout=300,
    )
    (found,) = out.glob("everyspan_server-*.whl")
    return found


def test_the_wheel_carries_what_is_read_at_run_time(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", ".sql", ".yaml", ".json", ".toml", ".txt", ".html")
        and "training" not in path.parts
    }
    assert {
        "clickhouse/migrations/0001_spans.sql",
        "grafana/provisioning/alerting/rules.yaml",
        "grafana/thresholds.toml",
        "alerting/playbook/default.toml",
        "alerting/destinations/templates/alert.txt",
    } <= wanted
    assert wanted <= names
    assert not any(name.startswith(("tests/", "sdk/", "everyspan/")) for name in names)


def test_the_command_starts_with_what_the_wheel_carries(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import sys, typer.main; from cli.main import app;"
        "[each.load() for each in typer.main.get_command(app).commands.values()];"
        f"ours = [m for n, m in sys.modules.items() if n.split('.')[0] in {PACKAGES}];"
        "print(*{m.__file__ for m in ours if getattr(m, '__file__', None)}, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    files = done.stdout.split()
    assert len(files) > 50
    assert [file for file in files if not file.startswith(str(tmp_path))] == []
