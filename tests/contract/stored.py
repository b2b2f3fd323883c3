"""The tables as the migrations make them, asked of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated


@dataclass(frozen=True, slots=True)
class Stored:
    """``columns``: column of the view ``spans`` to its type. ``in_experiments``: of a row that one
    classifier alone fails, whom the view ``experiment_spans`` says that it is judged and failed
    by."""

    columns: Mapping[str, str]
    in_experiments: Mapping[str, tuple[list[str], list[str]]]


def stored(folder: Path, classifiers: Iterable[str]) -> Stored:
    """Migrates a new database in ``folder``; of ``classifiers`` those that have columns are looked
    at in the views."""
    with engine(folder) as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        rows = client.query(f"DESCRIBE TABLE {settings.database}.spans").result_rows
        columns = {str(name): str(kind) for name, kind, *_ in rows}
        names = [name for name in classifiers if name in columns]
        return Stored(columns, _in_experiments(client, settings.database, names))


def _in_experiments(
    client: Client, name_of_database: str, names: list[str]
) -> dict[str, tuple[list[str], list[str]]]:
    for name in names:
        client.insert(
            "spans_raw",
            [[name, name, datetime.now(UTC), {"contract": "a"}, "fail"]],
            column_names=["trace_id", "span_id", "start_time", "experiments", name],
            database=name_of_database,
        )
    found = client.query(
        "SELECT trace_id, arrayFilter((n, j) -> j, classifiers, judged),"
        f" arrayFilter((n, f) -> f, classifiers, failed) FROM {name_of_database}.experiment_spans"
    ).result_rows
    return {str(name): (list(judged), list(failed)) for name, judged, failed in found}
