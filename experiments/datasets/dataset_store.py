"""Versions in ClickHouse: written whole, read by name and number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client

from clickhouse.embedded_http.settings import quote
from clickhouse.set_aside import reasons, set_aside, why
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.errors import UnknownDatasetError
from experiments.datasets.item import Item, Reference, Version, aware
from experiments.datasets.measurement import Drift

_JSON = ("messages", "tool_calls")
_ITEM_COLUMNS = list(Item.model_fields)
_KEY = ["project", "dataset", "version", "content_hash"]
_VERSION_COLUMNS = [
    *_KEY, "parent_version", "parent_hash", "created_at", "author", "definition", "since", "until",
    "failures", "controls", "added", "retired", "summary", "encoder", "radius",
]  # fmt: skip
_DRIFT_COLUMNS = [
    "project", "dataset", "version", "measured_at", "since", "until", "inputs", "verdict",
    "uncovered", "uncovered_low", "uncovered_then", "mmd", "mmd_p", "psi", "told",
]  # fmt: skip
_TABLES = ("dataset_versions", "dataset_items", "dataset_reference", "dataset_drift")


def check_schema(client: Client, database: str) -> None:
    """Raises UnknownDatasetError where the migration was not applied."""
    found = client.query(
        f"SELECT count() FROM system.columns WHERE database = {quote(database)}"
        f" AND name = 'project' AND table IN ({', '.join(map(quote, _TABLES))})"
    ).result_rows[0][0]
    if int(found) < len(_TABLES):
        raise UnknownDatasetError(
            f"{database} has no tables for data sets; run `everyspan migrate`, or start the new"
            " version of the services once"
        )


def save(client: Client, database: str, version: Version) -> Version:
    """Store a version under the number after the newest one. Returns it with that number.

    Its own row comes last: a version that was written half is none.
    """
    newest = client.query(
        f"SELECT max(version) FROM {database}.dataset_versions"
        f" WHERE {_of(version.dataset, version.project)}"
    ).result_rows[0][0]
    number = int(newest) + 1
    key = [version.project, version.dataset, number, version.content_hash]
    if version.items:
        client.insert(
            "dataset_items",
            [[*key, *_row(item)] for item in version.items],
            column_names=[*_KEY, *_ITEM_COLUMNS],
            database=database,
        )
    if version.reference:
        client.insert(
            "dataset_reference",
            [
                [*key, i, each.vector, each.characters, each.model, each.prompt_version]
                for i, each in enumerate(version.reference)
            ],
            column_names=[*_KEY, "number", "vector", "characters", "model", "prompt_version"],
            database=database,
        )
    client.insert(
        "dataset_versions",
        [[*key, version.parent, version.parent_hash, version.created_at, version.author,
          version.definition.model_dump_json(), version.since, version.until,
          version.failure_count, version.control_count, version.added, version.retired,
          orjson.dumps(version.summary).decode(), version.encoder, version.radius]],
        column_names=_VERSION_COLUMNS,
        database=database,
    )  # fmt: skip
    return version.model_copy(update={"number": number})


def save_drift(client: Client, database: str, drift: Drift) -> None:
    """Keep a measurement."""
    client.insert(
        "dataset_drift",
        [[drift.project, drift.dataset, drift.version, drift.measured_at, drift.since,
          drift.until, drift.inputs, drift.verdict, drift.uncovered, drift.uncovered_low,
          drift.uncovered_then, drift.mmd, drift.mmd_p, drift.psi, drift.told]],
        column_names=_DRIFT_COLUMNS,
        database=database,
    )  # fmt: skip


def names(client: Client, database: str, project: str | None = None) -> list[str]:
    """All data sets of a project, or of all that may be read."""
    rows = client.query(
        f"SELECT DISTINCT dataset FROM {database}.dataset_versions WHERE {_of(project=project)}"
        " ORDER BY dataset"
    ).result_rows
    return [str(name) for (name,) in rows]


def versions(
    client: Client, database: str, dataset: str = "", project: str | None = None
) -> list[Version]:
    """Versions without items and reference, by name, newest first; of all data sets for '', of all
    projects that may be read for None. One that can't be read is set aside."""
    answer = client.query(
        f"SELECT {', '.join(_VERSION_COLUMNS)} FROM {database}.dataset_versions FINAL"
        f" WHERE {_of(dataset, project)} ORDER BY project, dataset, version DESC, created_at DESC"
    )
    found: list[Version] = []
    read: dict[str, str] = {}
    for values in answer.result_rows:
        row = dict(zip(answer.column_names, values, strict=True))
        whose = f"{row['project']}/" if row["project"] else ""
        name = f"{whose}{row['dataset']} version {row['version']}"
        try:
            found.append(_version(row))
            read[name] = ""
        except Exception as error:
            read[name] = why(error)
    set_aside(database, "dataset_versions", read, whole=not dataset and project is None)
    return found


def load(
    client: Client, database: str, dataset: str, number: int = 0, project: str | None = None
) -> Version:
    """One version with everything; the newest for 0. Raises UnknownDatasetError."""
    known = versions(client, database, dataset, project)
    if not known:
        aside = reasons(database, "dataset_versions")
        begin = f"{project}/{dataset} version " if project else f"{dataset} version "
        if told := next((each for each in aside if each.startswith(begin)), ""):
            raise UnknownDatasetError(f"{told} is set aside, it can't be read: {aside[told]}")
        others = names(client, database, project)
        told = f"there are {', '.join(others)}" if others else "there are none yet"
        raise UnknownDatasetError(
            f"there is no data set '{dataset}'; {told}; `everyspan dataset build` makes one"
        )
    version = next((v for v in known if v.number == number), None) if number else known[0]
    if version is None:
        raise UnknownDatasetError(
            f"{dataset} has no version {number}; it has {known[-1].number} to {known[0].number}"
        )
    where = (
        f"WHERE {_of(dataset, version.project)} AND version = {version.number}"
        f" AND content_hash = {quote(version.content_hash)}"
    )
    items = client.query(
        f"SELECT {', '.join(_ITEM_COLUMNS)} FROM {database}.dataset_items FINAL {where} ORDER BY id"
    )
    reference = client.query(
        f"SELECT vector, characters, model, prompt_version FROM {database}.dataset_reference FINAL"
        f" {where} ORDER BY number"
    )
    return version.model_copy(
        update={
            "items": [
                _item(dict(zip(items.column_names, row, strict=True))) for row in items.result_rows
            ],
            "reference": [
                Reference(vector=list(v), characters=c, model=m, prompt_version=p)
                for v, c, m, p in reference.result_rows
            ],
        }
    )


def parquet(client: Client, database: str, version: Version) -> bytes:
    """The items as one Parquet file, written by ClickHouse itself: every client can, and nothing
    else needs to be installed."""
    return client.raw_query(
        f"SELECT {', '.join(_ITEM_COLUMNS)} FROM {database}.dataset_items FINAL"
        f" WHERE {_of(version.dataset, version.project)} AND version = {version.number}"
        f" AND content_hash = {quote(version.content_hash)} ORDER BY id",
        fmt="Parquet",
    )


def last_drift(client: Client, database: str) -> dict[tuple[str, str, int], Drift]:
    """The newest measurement of each version, by project, name and number."""
    answer = client.query(
        f"SELECT {', '.join(_DRIFT_COLUMNS)} FROM {database}.dataset_drift FINAL"
        " ORDER BY measured_at DESC LIMIT 1 BY project, dataset, version"
    )
    found = {}
    for row in answer.result_rows:
        values = dict(zip(answer.column_names, row, strict=True))
        for name in ("measured_at", "since", "until"):
            values[name] = aware(values[name])
        drift = Drift(**values)
        found[drift.project, drift.dataset, drift.version] = drift
    return found


def delete(
    client: Client, database: str, dataset: str, on_cluster: str = "", project: str = ""
) -> None:
    """Every version of a data set, gone from the disk too. Raises UnknownDatasetError."""
    if dataset not in names(client, database, project):
        raise UnknownDatasetError(f"there is no data set '{dataset}'")
    for table in _TABLES:
        client.command(
            f"ALTER TABLE {database}.{table} {on_cluster} DELETE WHERE {_of(dataset, project)}"
            " SETTINGS mutations_sync = 2"
        )


def _of(dataset: str = "", project: str | None = None) -> str:
    """SQL of its rows. '' and None: of all."""
    named = [f"dataset = {quote(dataset)}"] if dataset else []
    owned = [] if project is None else [f"project = {quote(project)}"]
    return " AND ".join([*named, *owned]) or "1"


def _row(item: Item) -> Sequence[Any]:
    values = item.model_dump()
    for name in _JSON:
        values[name] = orjson.dumps(values[name]).decode()
    return [values[name] for name in _ITEM_COLUMNS]


def _item(values: dict[str, Any]) -> Item:
    for name in _JSON:
        values[name] = orjson.loads(values[name])
    values["start_time"] = aware(values["start_time"])
    return Item(**values)


def _version(row: dict[str, Any]) -> Version:
    return Version(
        project=row["project"],
        dataset=row["dataset"],
        number=row["version"],
        content_hash=row["content_hash"],
        parent=row["parent_version"],
        parent_hash=row["parent_hash"],
        created_at=aware(row["created_at"]),
        author=row["author"],
        definition=Definition.model_validate_json(row["definition"]),
        since=aware(row["since"]),
        until=aware(row["until"]),
        added=list(row["added"]),
        retired=dict(row["retired"]),
        summary=orjson.loads(row["summary"]),
        failure_count=row["failures"],
        control_count=row["controls"],
        encoder=row["encoder"],
        radius=round(float(row["radius"]), 5),
    )
