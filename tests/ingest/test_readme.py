"""ingest/README.md says what the captures show."""

from __future__ import annotations

from pathlib import Path

from ingest.conventions.registry import CONVENTIONS
from tests.ingest.coverage_table import table

README = Path(__file__).parents[2] / "ingest" / "README.md"


def test_the_table_of_libraries_is_that_of_the_captures() -> None:
    text = README.read_text(encoding="utf-8")
    assert table() in text, "run python -m tests.ingest.coverage_table and put it into the README"


def test_every_convention_is_a_file_with_its_source() -> None:
    folder = README.parent / "conventions"
    for convention in CONVENTIONS:
        if convention.name and convention.name != "opentelemetry":
            text = (folder / f"{convention.name}.py").read_text(encoding="utf-8")
            assert "Source:" in text, convention.name
