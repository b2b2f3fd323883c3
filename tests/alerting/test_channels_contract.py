"""What a channel is made of: a module with its ``Config`` and its ``send``, a row in the README, a
test. Whatever is missing is named; each mutation below takes one of them away."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from alerting.destinations.config import ChannelConfig
from alerting.destinations.registry import CHANNELS, ChannelError, channel_of
from tests.everyspan_up import ROOT

FOLDER, README = ROOT / "alerting" / "destinations", ROOT / "alerting" / "README.md"
TESTS = Path(__file__).parent / "destinations"

FAX = '''"""A channel of tomorrow."""

from alerting.destinations.config import ChannelConfig


class Config(ChannelConfig):
    """Where to."""

    number: str


def send(config, message):
    """Never fails."""
'''


def module_of(name: str) -> ModuleType:
    return import_module(f"alerting.destinations.{name}")


def lacks(name: str, module: ModuleType, readme: str, tests: set[str]) -> list[str]:
    """What the channel is without; [] for nothing."""
    try:
        config = channel_of(module).config
    except ChannelError as error:
        return [str(error)]
    found = []
    if config.__module__ != module.__name__:
        found.append(f"alerting/destinations/{name}.py has no Config of its own")
    row = re.search(rf"^\| `{name}` \| (.*) \|$", readme, re.M)
    if row is None:
        found.append(f"alerting/README.md has no row for `{name}` in its table of channels")
    else:
        own = config.model_fields.keys() - ChannelConfig.model_fields.keys()
        said = set(re.findall(r"\w+", row[1]))
        found += [
            f"alerting/README.md does not say the key '{key}' of `{name}`"
            for key in sorted(own - said)
        ]
    if f"test_{name}.py" not in tests:
        found.append(f"tests/alerting/destinations/test_{name}.py is not there")
    return found


def without(module: ModuleType, *names: str, **others: object) -> ModuleType:
    """A copy of it."""
    copy = ModuleType(module.__name__)
    copy.__dict__.update({k: v for k, v in vars(module).items() if k not in names} | others)
    return copy


def _files() -> set[str]:
    return {path.name for path in TESTS.glob("test_*.py")}


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_a_channel_is_complete(name: str) -> None:
    assert lacks(name, module_of(name), README.read_text(), _files()) == []


def test_the_readme_names_no_channel_that_is_not_there() -> None:
    table = README.read_text().partition("| type | keys besides type |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(CHANNELS)
    assert _files() == {f"test_{name}.py" for name in CHANNELS}


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_whatever_is_taken_from_a_channel_is_named(name: str) -> None:
    module, readme = module_of(name), README.read_text()
    other = module_of("slack" if name != "slack" else "teams")
    no_row = re.sub(rf"^\| `{name}` .*\n", "", readme, flags=re.M)
    no_keys = re.sub(rf"^(\| `{name}` \|) .* \|$", r"\1 – |", readme, flags=re.M)
    mutations = {
        f"{module.__name__} has no class Config": (without(module, "Config"), readme, _files()),
        f"{name}.py has no Config of its own": (
            without(module, Config=other.Config),
            readme,
            _files(),
        ),
        f"{module.__name__} has no function send": (without(module, "send"), readme, _files()),
        f"no row for `{name}`": (module, no_row, _files()),
        f"test_{name}.py is not there": (module, readme, _files() - {f"test_{name}.py"}),
    }
    if module.Config.model_fields.keys() - ChannelConfig.model_fields.keys():
        mutations["does not say the key"] = (module, no_keys, _files())
    for told, mutated in mutations.items():
        found = lacks(name, *mutated)
        assert any(told in each for each in found), (told, found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (FAX, "fax 555"),
        (FAX.replace("class Config", "class Settings"), "ChannelError: alerting.destinations.fax"),
        (FAX.replace("def send", "def tell"), "ChannelError: alerting.destinations.fax"),
    ],
    ids=["complete", "without a config", "without send"],
)
def test_a_module_is_all_that_the_code_needs(tmp_path: Path, text: str, told: str) -> None:
    for room in ("alerting", "service"):
        shutil.copytree(ROOT / room, tmp_path / room)
    for room in ("classify", "clickhouse", "grafana", "ingest"):
        (tmp_path / room).symlink_to(ROOT / room)
    (tmp_path / "alerting" / "destinations" / "fax.py").write_text(text)
    (tmp_path / "routes.toml").write_text(
        "[destinations.a]\ntype = 'fax'\nnumber = '555'\n[[routes]]\ndestinations = ['a']\n"
    )
    code = (
        "from alerting.routing import read_routes\n"
        "a = read_routes('routes.toml').destinations['a']\n"
        "print(a.type, a.number)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told in done.stdout + done.stderr


def test_what_is_no_channel_is_told_which_there_are() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {
        *CHANNELS,
        *("__init__", "config", "registry", "sending"),
    }
