"""README says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from cli.main import app
from cli.settings_table import README, with_table

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in ROOT.glob("**/*.md")
    if not {".venv", "node_modules", "payloads"} & set(page.relative_to(ROOT).parts)
)


def test_the_table_of_settings_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python -m cli.settings_table"


def test_every_option_has_a_variable_that_is_in_the_table() -> None:
    text = README.read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        for option in command.params:
            if option.param_type_name != "option" or option.name == "help":
                continue
            assert option.envvar, f"{name} --{option.name} has no environment variable"
            assert f"`{option.envvar}`" in text, f"{option.envvar} is not in README"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
