"""deploy/systemd: units that systemd reads, with settings and commands that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from cli.commands import COMMANDS
from cli.settings_table import CLASSES
from tests.compose.compose_file import ROOT, services

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
SETTINGS = {f"EVERYSPAN_{name.upper()}" for kind in CLASSES.values() for name in kind.model_fields}


def section(path: Path) -> dict[str, str]:
    unit = ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path)
    return dict(unit["Service"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_its_settings_and_commands_exist(path: Path) -> None:
    found = section(path)
    assert set(re.findall(r"EVERYSPAN_\w+", found["Environment"])) <= SETTINGS
    command = found["ExecStart"].split()[1]
    enabled = re.findall(r"everyspan@(\w+)", path.read_text())
    assert {command, *enabled} - {"%i"} <= set(COMMANDS)
    if "%i" in command:
        ours = {name for name, each in services().items() if each["image"].startswith("everyspan:")}
        assert set(enabled) == ours - {"migrate"}
    assert found["User"] != "root"
    assert (found["NoNewPrivileges"], found["ProtectSystem"]) == ("true", "strict")


def test_systemd_takes_them(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    for path in UNITS:
        # The command is not installed here.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)
    for name in ("everyspan.service", "everyspan@ingest.service"):
        unit = tmp_path / name
        if not unit.exists():
            unit.symlink_to(tmp_path / "everyspan@.service")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", str(unit)],
            capture_output=True,
            text=True,
            check=False,
        )
        told = [line for line in done.stderr.splitlines() if tmp_path.name in line or name in line]
        assert (done.returncode, told) == (0, []), done.stderr
