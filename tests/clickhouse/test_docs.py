"""clickhouse/README.md names every table and query there is; columns: tests/contract."""

from __future__ import annotations

import re
from pathlib import Path

from clickhouse.span import STEP_KINDS
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated

FOLDER = Path(__file__).parents[2] / "clickhouse"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_tables(tmp_path: Path) -> None:
    with engine(tmp_path / "clickhouse") as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        tables = client.query(
            f"SELECT name FROM system.tables WHERE database = '{settings.database}'"
        ).result_rows
        for (name,) in tables:
            assert f"`{name}`" in TEXT or f"everyspan.{name}" in TEXT, name


def test_queries() -> None:
    for path in (FOLDER / "queries").glob("*.sql"):
        assert f"(queries/{path.name})" in TEXT


def test_step_kinds_and_attributes_of_our_own() -> None:
    for kind in STEP_KINDS:
        assert f"`{kind}`" in TEXT
    ingest = FOLDER.parent / "ingest"
    for path in ingest.glob("**/*.py"):
        for name in re.findall(r"\"(everyspan\.[a-z_.]+)\"", path.read_text(encoding="utf-8")):
            assert f"`{name}`" in TEXT, f"{name} of {path.name}"
