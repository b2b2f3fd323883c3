"""README and docs say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from cli.main import app
from cli.settings_table import _DESCRIBED, PAGE, SECTIONS, _options, page

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in ROOT.glob("**/*.md")
    if not {".venv", "node_modules", "payloads"} & set(page.relative_to(ROOT).parts)
)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_every_setting_stands_once_with_default_unit_and_meaning() -> None:
    rows = [line.strip("| ").split(" | ") for line in page().splitlines() if line.startswith("| `")]
    variables = [row[0] for row in rows]
    assert len(variables) == len(set(variables))
    assert all(len(row) == 4 and all(row) for row in rows)
    for _, kind, _ in SECTIONS:
        for name in kind.model_fields:
            assert f"`EVERYSPAN_{name.upper()}`" in variables


def test_defaults_are_those_in_force() -> None:
    """An option's default is in the command, a flag's is false: none of them is none."""
    found = {row[1]: row[2] for line in page().splitlines() if len(row := line.split("|")) > 3}
    for command, option in _options():
        if option.default not in (None, ""):
            told = found[f" `{option.envvar}` "].strip()
            assert told != "none", f"{command}: {option.envvar} is {option.default}"
    assert found[" `EVERYSPAN_REPORT_LAST` "].strip() == "`24h`"
    assert found[" `EVERYSPAN_DATASET_PER_CLUSTER` "].strip() == "`5`"
    assert found[" `EVERYSPAN_STATUS_JSON` "].strip() == "`false`"
    assert found[" `EVERYSPAN_MAX_BODY_BYTES` "].strip() == "`67108864` (64 MiB)"


def test_what_is_described_is_a_setting() -> None:
    assert all(f"| `{variable}` |" in page() for variable in _DESCRIBED)


def test_every_option_has_a_variable_that_is_in_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        for option in command.params:
            if option.param_type_name != "option" or option.name == "help":
                continue
            assert option.envvar, f"{name} --{option.name} has no environment variable"
            assert f"`{option.envvar}`" in text, f"{option.envvar} is not in docs/settings.md"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
