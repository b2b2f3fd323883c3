"""README and docs say what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli import metrics_table
from cli.lazy import Lazy
from cli.main import app
from cli.settings_table import _DESCRIBED, CLASSES, PAGE, page

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in ROOT.glob("**/*.md")
    if not {".venv", "node_modules", "payloads"} & set(page.relative_to(ROOT).parts)
)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert metrics_table.PAGE.read_text(encoding="utf-8") == metrics_table.page(), "run: make docs"


def test_what_operations_names_is_there() -> None:
    """Metrics by the end of their names, alerts by their titles."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z]+_)+[a-z]+)(?:\{[^`]*)?`", text))
    known = set(re.findall(r"`(everyspan_[a-z_]+)`", metrics_table.page()))
    for name in named - {"client_max_body_size"}:
        assert any(metric.endswith(name) for metric in known), name
    rules = (ROOT / "grafana/provisioning/alerting/rules.yaml").read_text(encoding="utf-8")
    for title in re.findall(r'alert "([^"…]+)"', text):
        assert f"title: {title}" in rules, title


#: Run until they are ended; the others do one thing.
SERVICES = {"up", "ingest", "classify", "alerting", "web"}


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


def rows() -> list[list[str]]:
    """Variable, default, unit and meaning of each line."""
    lines = [line for line in page().splitlines() if line.startswith("| `")]
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]


def test_every_setting_stands_once_with_default_unit_and_meaning() -> None:
    variables = [row[0] for row in rows()]
    assert all(len(row) == 4 and all(row) for row in rows())
    expected = {f"`EVERYSPAN_{n.upper()}`" for kind in CLASSES.values() for n in kind.model_fields}
    assert sorted(variables) == sorted(expected)


def test_defaults_are_those_in_force() -> None:
    """None is said only of what is empty: what is done then is not a value, and is described."""
    found = {row[0]: row[1] for row in rows()}
    for kind in CLASSES.values():
        for name, field in kind.model_fields.items():
            told = found[f"`EVERYSPAN_{name.upper()}`"]
            value = getattr(field.default, "get_secret_value", lambda: field.default)()  # noqa: B023
            assert value not in ("", None) or not told.startswith("`"), name
            assert value in ("", None) or told != "none", name
    assert found["`EVERYSPAN_MAX_BODY_BYTES`"] == "`67108864` (64 MiB)"
    assert found["`EVERYSPAN_GRAFANA_EVALUATE`"] == "`true`"
    assert found["`EVERYSPAN_CLICKHOUSE_DSN`"] == "embedded, in `EVERYSPAN_DATA`"
    # Described because it depends on the machine, or because empty means that.
    assert found.items() >= {f"`{k}`": v for k, v in _DESCRIBED.items()}.items()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
