"""Without scipy and plotly the server serves, and commands that need them say what to do."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.extras import LIBRARIES
from tests.cli.command import fresh as everyspan
from tests.everyspan_up import ROOT, Up, free_ports, running
from tests.ingest.otlp_payloads import request, span, trace_id

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
#: Where each library may be imported: what the commands of its extra, and nothing else, loads.
ROOMS = {"plotly": "grafana/report/", "scipy": "experiments/datasets/"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PYTHONPATH under which neither library can be found."""
    folder = tmp_path_factory.mktemp("bare")
    blocked = ", ".join(f"{library}=None" for library in LIBRARIES.values())
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update({blocked})\n")
    return f"{folder}:{ROOT}"


@pytest.fixture(scope="module")
def stack(bare: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    data = tmp_path_factory.mktemp("up") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", bare)
        with running(data, classify_trace_quiet_seconds="0.5") as up:
            yield up


def test_the_server_serves_without_them(stack: Up, bare: str) -> None:
    trace = trace_id()
    stack.post("/v1/traces", request(span(trace, name="answer")).SerializeToString())
    stack.judged([trace.hex()])
    port = f"--clickhouse-port={stack.ports['clickhouse']}"
    status = everyspan("status", port, "--json", PYTHONPATH=bare)
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["rows"] >= 1
    sql = everyspan("sql", "SELECT name FROM everyspan.spans", port, PYTHONPATH=bare)
    assert (sql.returncode, "answer" in sql.stdout) == (0, True), sql.stderr
    listed = everyspan("dataset", "list", port, PYTHONPATH=bare)
    assert listed.returncode == 0, listed.stderr
    experiments = everyspan("experiment", "list", port, PYTHONPATH=bare)
    assert experiments.returncode == 0, experiments.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["report"], "report"),
        (["dataset", "build", "refunds", "--where", "hallucination = 'fail'"], "datasets"),
        (["dataset", "refresh", "refunds"], "datasets"),
        (["dataset", "drift", "refunds"], "datasets"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else value,
)
def test_a_command_that_needs_one_says_what_to_install(
    bare: str, arguments: list[str], extra: str
) -> None:
    done = everyspan(*arguments, PYTHONPATH=bare)
    command = " ".join(arguments[: 1 if extra == "report" else 2])
    assert done.returncode == 1
    install = f"pip install 'everyspan-server[{extra}]'"
    assert (
        done.stderr.strip() == f"error: everyspan {command} needs {LIBRARIES[extra]}; run {install}"
    )


def test_up_without_the_embedded_engine_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules.update(chdb=None)\n")
    ports = [f"--{name}-port={port}" for name, port in free_ports().items()]
    done = everyspan("up", f"--data={tmp_path / 'data'}", *ports, PYTHONPATH=f"{tmp_path}:{ROOT}")
    told = " ".join(done.stderr.split())
    assert done.returncode == 1, told
    assert "Traceback" not in told
    assert "the embedded ClickHouse is not installed" in told
    assert "pip install 'everyspan-server[embedded]'" in told


def test_each_is_an_extra_and_only_that() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    for extra, library in LIBRARIES.items():
        (requirement,) = extras[extra]
        assert requirement.startswith(f"{library}>=")
    assert not any(
        one.startswith(tuple(LIBRARIES.values())) for one in PROJECT["project"]["dependencies"]
    )


def test_nothing_else_imports_them() -> None:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for library in imported(path) & ROOMS.keys():
                assert name.startswith(ROOMS[library]), f"{name} imports {library}"


def imported(path: Path) -> set[str]:
    """Top-level names of what a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
