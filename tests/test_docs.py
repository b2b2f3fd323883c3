"""README says what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.lazy import Lazy
from cli.main import app
from cli.settings_table import CLASSES, README, with_table

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in ROOT.glob("**/*.md")
    if not {".venv", "node_modules", "payloads"} & set(page.relative_to(ROOT).parts)
)


def test_the_table_of_settings_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m cli.settings_table"


#: Run until they are ended; the others do one thing.
SERVICES = {"up", "ingest", "classify", "alerting"}


def test_settings_of_services_have_variables_and_options_of_commands_have_none() -> None:
    """What is set for a service, in a container for example, must not turn it into another command,
    nor change what one that somebody types does."""
    known = {f"EVERYSPAN_{name.upper()}" for kind in CLASSES.values() for name in kind.model_fields}
    group = typer.main.get_command(app)
    seen = set()
    for name, option in _options(group, ""):
        if option.envvar:
            assert option.envvar in known, f"{name} --{option.name} is no setting of a service"
        elif name in SERVICES:
            assert (name, option.name) in {("classify", "since"), ("classify", "until")}
        seen.add(name)
    assert seen > SERVICES | {"classifier add", "dataset build", "alerts silence"}


def _options(group: Any, above: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        command = command.load() if isinstance(command, Lazy) else command
        for option in command.params:
            if option.param_type_name == "option" and option.name != "help":
                yield f"{above}{name}", option
        if hasattr(command, "commands"):
            yield from _options(command, f"{above}{name} ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
