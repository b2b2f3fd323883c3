"""`everyspan` is one script, the SDK's: wheels of SDK and server, installed as users install them.

Each environment is fresh; what both depend on is the environment's of the tests, linked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.everyspan_up import ROOT

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"][
    "build"
]["targets"]["wheel"]["packages"]
_PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    folder = tmp_path_factory.mktemp("wheels")
    given = [*_PIP, "wheel", "--no-deps", "-w", str(folder), str(ROOT), str(ROOT / "sdk")]
    subprocess.run(given, check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that is installed here but Everyspan itself."""
    folder = tmp_path_factory.mktemp("dependencies")
    for place in map(Path, sys.path):
        if place.name == "site-packages" and place.is_dir():
            for each in place.iterdir():
                ours = each.name.startswith(("everyspan", "_editable", "__editable"))
                if not ours and each.suffix != ".pth" and not (folder / each.name).exists():
                    (folder / each.name).symlink_to(each)
    return folder


class Environment:
    """A virtual environment, and a folder to run in."""

    def __init__(self, folder: Path, wheels: Path, dependencies: Path) -> None:
        self.folder, self._wheels = folder / "here", wheels
        self.folder.mkdir()
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True
        )
        self._bin = folder / "venv" / "bin"
        (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
        (site / "dependencies.pth").write_text(f"{dependencies}\n")

    def pip(self, *arguments: str) -> None:
        """From the folder of wheels and nowhere else."""
        more = ["--no-compile", "--no-index", "--find-links", str(self._wheels)]
        python = ["--python", str(self._bin / "python")]
        given = [*_PIP, *python, *arguments, *(more if arguments[0] == "install" else [])]
        subprocess.run(given, check=True, timeout=120)

    def run(self, program: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        return subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=self.folder,
            env=clean | {"COLUMNS": "200"} | more,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def said(self, program: str, *arguments: str) -> str:
        """What it printed; it went well."""
        done = self.run(program, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def has_command(self) -> bool:
        return (self._bin / "everyspan").exists()


@pytest.fixture
def fresh(tmp_path: Path, wheels: Path, dependencies: Path) -> Environment:
    return Environment(tmp_path, wheels, dependencies)


def is_the_sdk_alone(fresh: Environment) -> None:
    assert fresh.said("everyspan", "--version").startswith("everyspan-sdk 0.")
    helped = fresh.said("everyspan", "--help")
    assert "replay TRACE_ID" in helped
    assert "everyspan-sdk[server]" in helped
    assert "--from-step" in fresh.said("everyspan", "replay", "--help")
    done = fresh.run("everyspan", "up")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1, "one sentence"
    assert "uv tool install 'everyspan-sdk[server]'" in done.stderr


def is_the_whole(fresh: Environment) -> None:
    assert fresh.said("everyspan", "--version").startswith("everyspan 0.")
    assert fresh.said("python", "-m", "everyspan", "--version").startswith("everyspan 0.")
    helped = fresh.said("everyspan", "--help")
    for command in ("up", "classify", "status", "replay", "diff"):
        assert f" {command} " in helped
    assert "--clickhouse-port" in fresh.said("everyspan", "status", "--help")
    assert "--from-step" in fresh.said("everyspan", "replay", "--help")


def test_first_the_sdk_then_the_server(fresh: Environment) -> None:
    fresh.pip("install", "everyspan-sdk")
    is_the_sdk_alone(fresh)
    fresh.pip("install", "everyspan-server")
    is_the_whole(fresh)
    replays_the_users_own(fresh)
    says_what_hides_the_server(fresh)
    fresh.pip("uninstall", "--yes", "everyspan-server")
    is_the_sdk_alone(fresh)


def test_first_the_server_then_the_sdk(fresh: Environment) -> None:
    fresh.pip("install", "--no-deps", "everyspan-server")
    assert not fresh.has_command, "it is the SDK's"
    fresh.pip("install", "--no-deps", "everyspan-sdk")
    is_the_whole(fresh)
    fresh.pip("uninstall", "--yes", "everyspan-sdk")
    assert not fresh.has_command
    assert fresh.said("python", "-P", "-m", "cli.main", "--version").startswith("everyspan 0.")


def test_the_server_brings_the_sdk_and_the_sdk_the_server_where_it_is_asked_to(
    fresh: Environment, tmp_path: Path, wheels: Path, dependencies: Path
) -> None:
    fresh.pip("install", "everyspan-server")
    assert fresh.said("everyspan", "--version").startswith("everyspan 0.")
    (tmp_path / "other").mkdir()
    other = Environment(tmp_path / "other", wheels, dependencies)
    other.pip("install", "everyspan-sdk[server]")
    assert other.said("everyspan", "--version").startswith("everyspan 0.")


def replays_the_users_own(fresh: Environment) -> None:
    """Packages with the names of the server's: regular ones, and folders."""
    agent = "import everyspan\n@everyspan.entry\ndef run(): ...\n"
    for name in ("cli/__init__.py", "cli/agent.py", "demo/agent.py"):
        (fresh.folder / name).parent.mkdir(exist_ok=True)
        (fresh.folder / name).write_text(agent if "agent" in name else "", encoding="utf-8")
    code = (
        "import sys; from everyspan.__main__ import main\n"
        "try: main(['replay', '--help'])\n"
        "except SystemExit: pass\n"
        f"print({{m.partition('.')[0] for m in sys.modules}} & {set(PACKAGES)})\n"
        "from everyspan.replay.modules import load_declared\n"
        "from everyspan._entries import declared\n"
        "load_declared(['cli.agent', 'demo.agent'])\n"
        "print(sorted(declared()))"
    )
    assert fresh.said("python", "-P", "-c", code).splitlines()[-2:] == [
        "set()",
        "['cli.agent:run', 'demo.agent:run']",
    ]


def says_what_hides_the_server(fresh: Environment) -> None:
    done = fresh.run("everyspan", "status", PYTHONPATH=str(fresh.folder))
    assert done.returncode == 2
    assert f"{fresh.folder / 'cli'} hides the server's package 'cli'" in done.stderr
    assert done.stderr.count("\n") == 1
    # The script itself looks among what is installed, not in this folder.
    assert fresh.said("everyspan", "--version").startswith("everyspan 0.")
