"""Applies ``migrations/NNNN_*.sql`` in order and records them.

Every statement can run twice: two processes that migrate at once, or one that was stopped half way,
end in the same schema. A file that was applied never changes again; its checksum is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from clickhouse_connect.driver.client import Client

from clickhouse.retention import set_retention
from clickhouse.settings import ClickHouseSettings
from service.errors import UserError

MIGRATIONS = Path(__file__).parent / "migrations"
_CLUSTER_ONLY = "-- cluster only"
_REPEATABLE = re.compile(r"\b(IF NOT EXISTS|OR REPLACE|IF EXISTS|MODIFY SETTING)\b")
#: Embedded: how long a part stays on disk once it is merged into another.
MERGED_PARTS_SECONDS = 480

#: What docker-compose.yml has. Older ones lack settings of the index over texts.
LEAST_ENGINE = (26, 8)


class MigrationError(UserError):
    """A migration changed after it was applied, the schema is newer than this program, or the
    engine is older than it needs."""


@dataclass(slots=True, frozen=True)
class Migration:
    """One file: its name without suffix, checksum and statements (templates)."""

    name: str
    checksum: str
    statements: tuple[str, ...]


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All files in order. Raises MigrationError for a statement that could not run twice."""
    found = []
    for path in sorted(folder.glob("[0-9]*.sql")):
        text = path.read_text(encoding="utf-8")
        statements = tuple(_statements(text))
        for statement in statements:
            if not _REPEATABLE.search(statement):
                raise MigrationError(f"{path.name}: add IF NOT EXISTS or OR REPLACE: {statement}")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        found.append(Migration(path.stem, checksum, statements))
    return found


def migrate(client: Client, settings: ClickHouseSettings, *, retention: bool = True) -> list[str]:
    """Bring the database up to date. Returns the names applied now. ``retention``: whether the
    settings' holds from now on; a command beside the services may not have theirs, and what it
    shortens is deleted.

    Raises MigrationError, and clickhouse-connect's errors where the engine refuses.
    """
    _check_engine(client.server_version or "0")
    database, on_cluster = settings.database, settings.on_cluster
    embedded = " ENGINE = Atomic" if settings.embedded else ""
    client.command(f"CREATE DATABASE IF NOT EXISTS {database} {on_cluster}{embedded}")
    variables = _variables(settings)
    engine = f"{variables['replicated']}ReplacingMergeTree{variables['everywhere']}"
    client.command(
        f"CREATE TABLE IF NOT EXISTS {database}.migrations {on_cluster} (name String,"
        f" checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))"
        f" ENGINE = {engine} ORDER BY name"
    )
    done = applied(client, database)
    migrations = read_migrations()
    unknown = sorted(set(done) - {m.name for m in migrations})
    if unknown:
        raise MigrationError(
            f"the database has migration {unknown[-1]}, which this version does not know; "
            "install the newer version again"
        )
    new = []
    for migration in migrations:
        if migration.name in done:
            if done[migration.name] != migration.checksum:
                raise MigrationError(
                    f"{migration.name} changed after it was applied; add a new file"
                )
            continue
        for statement in render(migration, settings):
            client.command(statement)
        client.insert(
            "migrations",
            [[migration.name, migration.checksum]],
            column_names=["name", "checksum"],
            database=database,
        )
        new.append(migration.name)
    if retention:
        set_retention(client, settings)
    if settings.embedded:
        _keep_merged_parts(client, settings)
    return new


def _check_engine(version: str) -> None:
    """Before anything is done: half a schema helps nobody."""
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < LEAST_ENGINE:
        least = ".".join(map(str, LEAST_ENGINE))
        raise MigrationError(
            f"ClickHouse is {version}; {least} or newer is needed: upgrade it (docs/run.md)"
        )


def applied(client: Client, database: str) -> dict[str, str]:
    """Name to checksum of what the database has."""
    rows = client.query(f"SELECT name, checksum FROM {database}.migrations FINAL").result_rows
    return {str(name): str(checksum) for name, checksum in rows}


def render(migration: Migration, settings: ClickHouseSettings) -> list[str]:
    """The statements for this engine, variables filled in."""
    variables = _variables(settings)
    return [
        Template(statement).substitute(variables)
        for statement in migration.statements
        if settings.cluster or not statement.startswith(_CLUSTER_ONLY)
    ]


def _variables(settings: ClickHouseSettings) -> dict[str, str]:
    return {
        "database": settings.database,
        "cluster": settings.cluster,
        "on_cluster": settings.on_cluster,
        "replicated": "Replicated" if settings.cluster else "",
        # One path for all shards: each replica of each shard has every row.
        "everywhere": "('/clickhouse/tables/{uuid}', '{shard}-{replica}')"
        if settings.cluster
        else "",
        "local": "_local" if settings.cluster else "",
        "retention_days": str(settings.retention_days),
    }


def _statements(text: str) -> Iterator[str]:
    for part in re.split(r";[ \t]*(?:\n|$)", text):
        lines = part.strip().splitlines()
        while lines and lines[0].startswith("--") and lines[0] != _CLUSTER_ONLY:
            lines.pop(0)
        if lines:
            yield "\n".join(lines)


def _keep_merged_parts(client: Client, settings: ClickHouseSettings) -> None:
    """Have parts stay on disk for a while after they were merged, as a server does. Embedded, the
    engine drops them at once, under the hands of the process that reads the same directory."""
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}"
        " AND engine LIKE '%MergeTree'",
        parameters={"database": settings.database},
    ).result_rows
    for name, ddl in rows:
        if f"old_parts_lifetime = {MERGED_PARTS_SECONDS}" not in ddl:
            client.command(
                f"ALTER TABLE {settings.database}.{name}"
                f" MODIFY SETTING old_parts_lifetime = {MERGED_PARTS_SECONDS}"
            )
