"""Which way imports go: rooms stand on the frame, the stack stands on the rooms, commands on it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.everyspan_up import ROOT

ROOMS = {"alerting", "classify", "clickhouse", "experiments", "grafana", "ingest", "web"}
#: Of service/: what puts the rooms together.
TOP = {"service.parts", "service.stack", "service.stack_settings"}


def imports(path: Path) -> set[str]:
    """Modules that a file of ours names, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def files(room: str) -> Iterator[tuple[str, Path]]:
    for path in (ROOT / room).rglob("*.py"):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def test_the_frame_imports_no_room() -> None:
    for module, path in files("service"):
        if module not in TOP:
            tops = {name.partition(".")[0] for name in imports(path)}
            assert not tops & (ROOMS | {"cli"}), module
            assert not imports(path) & TOP, module


def test_only_commands_import_the_stack_and_nobody_imports_commands() -> None:
    for room in sorted(ROOMS | {"demo", "service"}):
        for module, path in files(room):
            found = imports(path)
            assert not {name for name in found if name.partition(".")[0] == "cli"}, module
            assert module in TOP or not found & TOP, module
