"""Removes traces from every table that has something of them, and from the disk.

Rows go with ``ALTER TABLE … DELETE``, which writes the parts anew without them; the parts before
that stay for a while for those who read them. A lightweight DELETE would only hide the rows.
See: https://clickhouse.com/docs/sql-reference/statements/alter/delete
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
from clickhouse_connect.driver.client import Client

from clickhouse.cluster import everywhere, local
from clickhouse.embedded_http.settings import quote
from clickhouse.erasure.change import MUTATION, change
from clickhouse.erasure.counted import hours_of, uncount
from clickhouse.erasure.erasures import NEVER, Erasure, begin, put
from clickhouse.migrate import MERGED_PARTS_SECONDS
from clickhouse.settings import ClickHouseSettings

log = logging.getLogger(__name__)

By = Literal["user", "session", "trace", "where"]
#: The column by which it is asked.
_COLUMN: Mapping[By, str] = {"user": "user_id", "session": "session_id"}
#: Table to its column of trace ids; `project` says whose its rows are. The Distributed ones have a
#: table of their own on each shard.
_TABLES = {
    "spans_raw": "trace_id",
    "span_content": "trace_id",
    "reviews": "trace_id",
    "dataset_items": "trace_id",
}
_EVERY_TABLE = (
    *_TABLES, "hour_tallies", "text_vectors", "custom_classifiers", "dataset_versions"
)  # fmt: skip
#: Embedded: how long parts stay for readers while something is being forgotten.
_PARTS_STAY = timedelta(seconds=60)
_FORGOTTEN = "[forgotten]"
#: Ids in one statement, which may have 256 KiB (ClickHouse's ``max_query_size``).
_AT_ONCE = 2_000
#: Nothing of what is asked for stays in the engine's own logs.
_QUIET = {"log_queries": 0}


@dataclass(frozen=True, slots=True)
class Found:
    """``traces``: their ids. ``rows``: spans."""

    traces: tuple[str, ...]
    rows: int


def find(
    client: Client,
    settings: ClickHouseSettings,
    by: By,
    values: Sequence[str],
    project: str | None = None,
) -> Found:
    """The traces that a row of names it, whole; those that report the same calls; and the replays
    of all of these. ``values``: ids of users, sessions or traces. ``project``: whose rows, '' for
    the default one; None for all."""
    table = f"{settings.database}.spans_raw"
    values = [value for value in values if value]
    own = _own(project)
    if column := _COLUMN.get(by):
        ids = _ids(
            client, f"SELECT DISTINCT trace_id FROM {table} WHERE {column} IN %(v)s{own}", values
        )
    else:
        ids = set(values)
    before: set[str] = set()
    while ids != before:
        more = ids - before
        before = set(ids)
        # '' is what all rows that are no twins and no replays have.
        ids |= _ids(
            client,
            f"SELECT DISTINCT arrayJoin([trace_id, substring(twin_of, 1, 32)]) FROM {table}"
            " WHERE (trace_id IN %(v)s OR substring(twin_of, 1, 32) IN %(v)s"
            f" OR replay_of IN %(v)s){own}",
            sorted(more),
        )
        ids.discard("")
    if not ids:
        return Found((), 0)
    traces = tuple(sorted(ids))
    counted = f"SELECT count() FROM {settings.database}.spans WHERE trace_id IN %(v)s{own}"
    return Found(traces, sum(int(rows) for rows in _asked(client, counted, traces)))


def erase(
    client: Client,
    settings: ClickHouseSettings,
    by: By,
    found: Found,
    project: str | None = None,
) -> Erasure:
    """Remove them. ``finish`` does what is left to do, and goes on with what was interrupted.
    Raises clickhouse-connect's errors."""
    erasure = begin(client, settings.database, by, found.traces, project)
    return _once(client, settings, erasure)


def finish(client: Client, settings: ClickHouseSettings, erasure: Erasure) -> Erasure:
    """Remove what has come since. It is finished once nothing did and the disk has no part from
    before. Raises clickhouse-connect's errors."""
    if erasure.removed_at == NEVER or _left(client, settings.database, erasure):
        return _once(client, settings, erasure)
    if not erasure.is_finished and not _old_parts(client, settings, erasure):
        erasure = replace(erasure, finished_at=datetime.now(UTC))
        put(client, settings.database, erasure)
        log.info("erasure %s: nothing of it is left on the disk", erasure.id)
    return erasure


def keep_parts(client: Client, settings: ClickHouseSettings, *, shortly: bool) -> None:
    """Embedded: for how long parts from before stay for readers. A server has its own way."""
    if not settings.embedded:
        return
    seconds = int(_PARTS_STAY.total_seconds()) if shortly else MERGED_PARTS_SECONDS
    for name, ddl in client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {d:String}"
        " AND name IN {t:Array(String)}",
        parameters={"d": settings.database, "t": list(_EVERY_TABLE)},
    ).result_rows:
        if f"old_parts_lifetime = {seconds}" not in ddl:
            client.command(
                f"ALTER TABLE {settings.database}.{name} MODIFY SETTING old_parts_lifetime ="
                f" {seconds}"
            )


def _once(client: Client, settings: ClickHouseSettings, erasure: Erasure) -> Erasure:
    database = settings.database
    keep_parts(client, settings, shortly=True)
    traces = _traces(database, erasure)
    own = _own(erasure.project)
    notes = (*erasure.notes, *_of_datasets(client, database, f"trace_id IN {traces}{own}"))
    removed: dict[str, int] = {}
    # First, while the rows say whose they were, and which texts they had.
    changed, more = _of_classifiers(client, settings, erasure)
    _unname_topics(client, settings, f"trace_id IN {traces}{own}")
    hashes = (
        f"(SELECT arrayJoin([MD5(input), MD5(output)]) FROM {database}.spans_raw"
        f" WHERE trace_id IN {traces}{own})"
    )
    removed["text_vectors"] = change(
        client, settings, "text_vectors", "DELETE", f"hash IN {hashes}"
    )
    hours = hours_of(client, database, f"trace_id IN {traces}{own}")
    uncount(client, settings, hours)
    for table, column in _TABLES.items():
        removed[table] = change(client, settings, table, "DELETE", f"{column} IN {traces}{own}")
    uncount(client, settings, hours)
    removed["examples"] = changed
    erasure = replace(
        erasure.with_more({table: rows for table, rows in removed.items() if rows}),
        notes=tuple(dict.fromkeys((*notes, *more, *_of_detached(client, settings)))),
    )
    put(client, database, erasure)
    return erasure


def _traces(database: str, erasure: Erasure) -> str:
    """As a subquery: there may be more of them than a statement can have."""
    return f"(SELECT trace_id FROM {database}.forgotten_traces WHERE erasure = '{erasure.id}')"


def _own(project: str | None) -> str:
    """The end of a condition."""
    return "" if project is None else f" AND project = {quote(project)}"


def _alone(database: str, erasure: Erasure) -> str:
    """As ``_traces``, those that no other project has a row of: an example of a classifier of all
    projects does not say whose it is, and one project takes nothing from another."""
    traces = _traces(database, erasure)
    if erasure.project is None:
        return traces
    return (
        f"(SELECT trace_id FROM {database}.spans_raw WHERE trace_id IN {traces} GROUP BY trace_id"
        f" HAVING uniqExact(project) = 1 AND any(project) = {quote(erasure.project)})"
    )


def _left(client: Client, database: str, erasure: Erasure) -> bool:
    traces = _traces(database, erasure)
    found = " + ".join(
        f"(SELECT count() FROM {database}.{table} WHERE {column} IN {traces}"
        f"{_own(erasure.project)})"
        for table, column in _TABLES.items()
    )
    ((rows,),) = client.query(f"SELECT {found}").result_rows
    return bool(rows)


def _old_parts(client: Client, settings: ClickHouseSettings, erasure: Erasure) -> bool:
    """Whether parts that were written before rows were removed are there still, for readers."""
    rows = client.query(
        f"SELECT DISTINCT table FROM {everywhere(settings.cluster, 'system.parts')}"
        " WHERE database = {d:String}"
        " AND NOT active AND table IN {t:Array(String)}"
        " AND modification_time <= {at:DateTime64(3)}",
        parameters={
            "d": settings.database,
            "t": [local(settings.cluster, table) for table in _EVERY_TABLE],
            "at": erasure.removed_at,
        },
    ).result_rows
    if settings.embedded:
        # The engine clears a table every five minutes, and a part without rows only after those
        # that it stands for: this wakes it. What readers need stays (keep_parts).
        for (table,) in rows:
            client.command(f"SYSTEM START CLEANUP {settings.database}.{table}")
    return bool(rows)


def _of_datasets(client: Client, database: str, condition: str) -> list[str]:
    rows = client.query(
        f"SELECT dataset, version, uniqExact(id) FROM {database}.dataset_items"
        f" WHERE {condition} GROUP BY ALL ORDER BY ALL"
    ).result_rows
    return [
        f"version {version} of the data set {name} lost {items} of its items; files that were"
        " exported from it have them still"
        for name, version, items in rows
    ]


def _unname_topics(client: Client, settings: ClickHouseSettings, condition: str) -> None:
    """Groups of a data set's items are called by words of theirs: those that have one of these
    items are called nothing. ``condition``: of items."""
    items = f"{settings.database}.dataset_items"
    rows = client.query(
        f"SELECT project, dataset, version, groupUniqArray(topic) FROM {items}"
        f" WHERE topic != '' AND {condition} GROUP BY ALL"
    ).result_rows
    for project, dataset, version, topics in rows:
        own = f"project = {quote(project)} AND dataset = {quote(dataset)} AND version = {version}"
        summaries = client.query(
            f"SELECT DISTINCT summary FROM {settings.database}.dataset_versions WHERE {own}"
        ).result_rows
        for (text,) in summaries:
            summary = orjson.loads(text)
            for group in summary.get("clusters", []):
                if group.get("topic") in topics:
                    group["topic"] = ""
            what = f"UPDATE summary = {quote(orjson.dumps(summary).decode())}"
            this = f"{own} AND summary = {quote(text)}"
            change(client, settings, "dataset_versions", what, this)
        # Last: by these it is found, should it be interrupted.
        named = f"{own} AND topic IN ({', '.join(map(quote, topics))})"
        change(client, settings, "dataset_items", "UPDATE topic = ''", named)


def _of_classifiers(
    client: Client, settings: ClickHouseSettings, erasure: Erasure
) -> tuple[int, list[str]]:
    """Examples that came from the traces, in every revision of a custom classifier: how many, and
    what to say of them. What was learned from them are weights, and stays."""
    traces = _traces(settings.database, erasure)
    if erasure.project is None:
        return _of_those(client, settings, traces, "1")
    mine = _of_those(client, settings, traces, f"project = {quote(erasure.project)}")
    alone = _alone(settings.database, erasure)
    shared = _of_those(client, settings, alone, "project = '*'")
    return mine[0] + shared[0], [*mine[1], *shared[1]]


def _of_those(
    client: Client, settings: ClickHouseSettings, traces: str, whose: str
) -> tuple[int, list[str]]:
    """``whose``: condition of the classifiers that are looked at."""
    place = f"{settings.database}.custom_classifiers"
    rows = client.query(
        f"SELECT name, revision, definition FROM {place} WHERE {whose} AND hasAny("
        'extractAll(definition, \'"trace_id":\\s*"([0-9a-f]{32})"\'),'
        f" (SELECT groupArray(trace_id) FROM {traces}))"
    ).result_rows
    wanted = {
        str(trace)
        for (trace,) in (client.query(f"SELECT * FROM {traces}").result_rows if rows else ())
    }
    changed = 0
    for name, revision, text in rows:
        definition = orjson.loads(text)
        for example in definition.get("examples", []):
            if example.get("trace_id") in wanted:
                example["texts"] = [_FORGOTTEN] * len(example["texts"])
                example["trace_id"] = example["span_id"] = ""
                changed += 1
        client.command(
            f"ALTER TABLE {place} {settings.on_cluster} UPDATE definition = {{text:String}}"
            " WHERE name = {name:String} AND revision = {revision:UInt64}",
            parameters={
                "text": orjson.dumps(definition).decode(),
                "name": name,
                "revision": revision,
            },
            settings=MUTATION,
        )
    return changed, [
        f"the classifier {name} had examples of it, which say {_FORGOTTEN} now: give it others"
        for name in sorted({str(name) for name, _, _ in rows})
    ]


def _of_detached(client: Client, settings: ClickHouseSettings) -> list[str]:
    ((parts,),) = client.query(
        f"SELECT count() FROM {everywhere(settings.cluster, 'system.detached_parts')}"
        " WHERE database = {d:String}",
        parameters={"d": settings.database},
    ).result_rows
    return [
        f"{parts} parts that the engine put aside as broken were not looked into: delete the"
        " folders `detached` of the tables where they are of no use"
    ] * bool(parts)


def _ids(client: Client, sql: str, values: Sequence[str]) -> set[str]:
    return {str(trace) for trace in _asked(client, sql, values)}


def _asked(client: Client, sql: str, values: Sequence[str]) -> Iterator[Any]:
    """The first column. ``values``: as ``%(v)s``, as many at a time as a statement may have."""
    for at in range(0, len(values), _AT_ONCE):
        part = list(values[at : at + _AT_ONCE])
        rows = client.query(sql, parameters={"v": part}, settings=_QUIET).result_rows
        yield from (row[0] for row in rows)
