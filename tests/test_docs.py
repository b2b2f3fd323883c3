"""README and docs say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.settings_table import _DESCRIBED, CLASSES, PAGE, page

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    page
    for page in ROOT.glob("**/*.md")
    if not {".venv", "node_modules", "payloads"} & set(page.relative_to(ROOT).parts)
)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


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
