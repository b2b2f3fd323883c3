"""What is installed is what is locked: versions and hashes in requirements/, for all platforms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
OURS = {"everyspan-server", "everyspan-sdk"}
SERVER, SDK = (
    tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]
    for path in ("pyproject.toml", "sdk/pyproject.toml")
)


def locked(name: str) -> dict[str, set[str]]:
    """Distribution to its versions: more than one where Pythons or platforms need others."""
    found: dict[str, set[str]] = {}
    for entry in entries(name):
        requirement = Requirement(entry.split(" --hash")[0])
        (pin,) = requirement.specifier
        assert pin.operator == "==", entry
        found.setdefault(canonicalize_name(requirement.name), set()).add(pin.version)
    return found


def entries(name: str) -> Iterator[str]:
    """Requirements of a lock, each on one line, without comments."""
    text = re.sub(r"^ *#.*\n", "", (FOLDER / name).read_text(encoding="utf-8"), flags=re.M)
    # uv names at the end, after an empty line, what it left out.
    yield from filter(None, re.sub(r" *\\\n *", " ", text).splitlines())


def wanted(project: dict[str, object], *extras: str) -> Iterator[Requirement]:
    """What a project asks for, with the extras of its own that an extra names."""
    optional = project["optional-dependencies"]
    assert isinstance(optional, dict)
    dependencies = project["dependencies"]
    assert isinstance(dependencies, list)
    for text in [*dependencies, *(line for extra in extras for line in optional[extra])]:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            yield from wanted({**project, "dependencies": []}, *requirement.extras)
        elif requirement.name not in OURS:
            yield requirement


def lines(name: str) -> list[Requirement]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [Requirement(line) for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("test.txt", [*wanted(SERVER, "test"), *wanted(SDK), *lines("build.in")]),
        ("server.txt", [*wanted(SERVER, "report", "datasets")]),
        ("sdk.txt", [*wanted(SDK, "openai"), *lines("sdk.in"), *lines("build.in")]),
        ("build.txt", lines("build.in")),
        ("deepeval.txt", lines("deepeval.in")),
        ("release.txt", lines("release.in")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_lock_meets_what_is_asked_for(lock: str, requirements: list[Requirement]) -> None:
    found = locked(lock)
    for requirement in requirements:
        if requirement.marker and not requirement.marker.evaluate({"python_version": "3.11"}):
            continue
        versions = found.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement} is not in requirements/{lock}; run: make lock UPGRADE="
        for version in versions:
            assert requirement.specifier.contains(version, prereleases=True), (
                f"requirements/{lock} has {requirement.name} {version}, and {requirement} is asked"
                " for; run: make lock UPGRADE="
            )


def test_the_list_of_locks_is_whole() -> None:
    assert [path.name for path in LOCKS] == [
        "build.txt",
        "deepeval.txt",
        "release.txt",
        "sdk.txt",
        "server.txt",
        "test.txt",
    ]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_hashes_and_no_place(path: Path) -> None:
    """Any index serves what is locked: none is named, nor is a folder of this tree."""
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    found = list(entries(path.name))
    assert found
    for entry in found:
        name, *hashes = entry.split(" --hash=")
        assert re.match(r"[a-z0-9][a-z0-9.-]*==\S+( ; .+)?$", name), entry
        assert hashes, f"{name} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in hashes), name
    assert not OURS & locked(path.name).keys(), "our own code is built from the tree"


def test_hashes_are_of_every_platforms_file() -> None:
    """A wheel for each of Linux, macOS and Windows, several Pythons: not one file alone."""
    hashes = {e.split("==")[0]: e.count("--hash") for e in entries("test.txt")}
    for compiled in ("grpcio", "orjson", "pydantic-core", "numpy"):
        assert hashes[compiled] > 30, compiled


def test_the_image_gets_what_tests_ran_with_and_no_more() -> None:
    tested, shipped = locked("test.txt"), locked("server.txt")
    for name, versions in shipped.items():
        assert versions <= tested[name], name
    assert not {"chdb", "pyarrow", "pytest", "mypy", "ruff"} & shipped.keys()


def test_what_builds_is_what_pyproject_says() -> None:
    builds = {str(requirement) for requirement in lines("build.in")}
    for path in ("pyproject.toml", "sdk/pyproject.toml"):
        project = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))
        assert set(project["build-system"]["requires"]) <= builds


@pytest.mark.parametrize("name", ["Makefile", "Dockerfile", ".ci/run", ".github/workflows/ci.yml"])
def test_nothing_is_installed_past_the_lock(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    commands = [
        command
        for line in text.splitlines()
        for command in re.split(r"&&|\|\|", line)
        if re.search(r"\$\(PIP\)|\bpip\b.* (install|wheel)\b", command) and ":=" not in command
    ]
    assert commands or name.endswith("ci.yml")
    for command in commands:
        assert "--require-hashes" in command or "--no-deps" in command, command


def test_the_sdk_caps_what_it_instruments_with() -> None:
    """A next major comes with any upgrade in an agent's environment."""
    capped = [*wanted(SDK, *SDK["optional-dependencies"])]
    for requirement in capped:
        if requirement.name.startswith(("opentelemetry", "openinference")):
            assert allows_no_next_major(requirement.specifier), str(requirement)


def allows_no_next_major(specifier: SpecifierSet) -> bool:
    (lowest,) = (one.version for one in specifier if one.operator == ">=")
    return not specifier.contains(f"{int(lowest.split('.')[0]) + 1}.0")
