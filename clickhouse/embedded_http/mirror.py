"""One engine's tables in the engine of another process, without a copy and without writing.

chDB opens a directory for one process only. What readers ask therefore runs in an engine of its
own, which attaches the same tables (same UUID, so the same place below ``store/``) over a read-only
disk that lies on the writer's directory. Parts never change once they are there; the reader lists
them anew every half second, and the writer keeps merged ones for eight minutes
(``clickhouse.migrate.MERGED_PARTS_SECONDS``).
See ``refresh_parts_interval`` and the ``plain`` metadata type in ClickHouse's documentation.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from clickhouse.embedded_http.plain import views
from clickhouse.embedded_http.settings import quote, quote_name
from clickhouse.embedded_http.tokens import tokenise
from clickhouse.embedded_http.walls import Wall, users, wall

if TYPE_CHECKING:
    from chdb.state.sqlitelike import Connection

#: How far a reader may lag behind the writer. Listing costs about 2 % of a core.
LAG_SECONDS = 0.5
_DISK = "spans"
#: Files whose size is remembered: a part's never change, and to ask costs a walk along its whole
#: path, link by link, half the time of a short statement. A wide part of spans has 300.
_SIZES_KEPT = 65_536
#: The engine takes the disk for a distant one, whose reads are worth a thread and a step ahead; the
#: files are here, where that costs a short statement a third more. Expressions are not compiled: a
#: board's time range is another each time, and compiling took a fifth of all panels of a day and
#: gave nothing back with ten times as many rows.
_PROFILE = {
    "remote_filesystem_read_method": "read",
    "remote_filesystem_read_prefetch": "0",
    "compile_expressions": "0",
    "compile_aggregate_expressions": "0",
    "compile_sort_description": "0",
}
#: Of tables, with what stands before their columns. A name that is no word is no element of XML,
#: as the file of users needs it.
_SERVED = (
    "{0}database NOT IN (SELECT name FROM system.databases WHERE engine != 'Atomic')"
    " AND NOT {0}is_temporary AND ({0}engine LIKE '%MergeTree' OR {0}engine = 'View')"
    " AND match({0}database, '^[A-Za-z_][A-Za-z0-9_]*$')"
    " AND match({0}name, '^[A-Za-z_][A-Za-z0-9_]*$')"
)


def read_schema(engine: str, lag_seconds: float) -> list[str]:
    """Statements that make the reader's tables. ``engine``: what chDB knows the writer's by.

    Only tables that keep their rows in files, and views. Raises chDB's errors.
    """
    from chdb.state.sqlitelike import Connection

    connection = Connection(engine)
    try:
        rows = connection.query(
            "SELECT database, name, engine FROM system.tables"
            f" WHERE {_SERVED.format('')}"
            " ORDER BY database, engine = 'View', name",
            "JSONCompactEachRow",
        )
        found = [json.loads(line) for line in (rows.bytes() or b"").splitlines()]
        statements = [
            f"CREATE DATABASE IF NOT EXISTS {quote_name(database)} ENGINE = Atomic"
            for database in dict.fromkeys(database for database, _, _ in found)
        ]
        for database, name, kind in found:
            answer = connection.query(
                f"SHOW CREATE TABLE {quote_name(database)}.{quote_name(name)}"
                " SETTINGS show_table_uuid_in_table_create_query_if_not_nil = 1",
                "TSVRaw",
            )
            sql = (answer.bytes() or b"").decode().rstrip("\n")
            statements.append(_attach(sql, lag_seconds if kind != "View" else None))
        return statements
    finally:
        connection.close()


def read_views(engine: str, database: str) -> list[str]:
    """Statements that make what a project's key reads instead. Raises chDB's errors."""
    from chdb.state.sqlitelike import Connection

    connection = Connection(engine)
    try:
        rows = connection.query(
            "SELECT t.name, any(t.engine),"
            " arraySort(c -> c.1, groupArray((position, c.name, type)))"
            " FROM system.tables AS t JOIN system.columns AS c"
            " ON c.database = t.database AND c.table = t.name"
            f" WHERE {_SERVED.format('t.')} AND t.database = {quote(database)}"
            " GROUP BY t.name ORDER BY t.name",
            "JSONCompactEachRow",
        )
        found = [json.loads(line) for line in (rows.bytes() or b"").splitlines()]
    finally:
        connection.close()
    return views(
        database, {name: (kind, [each[1:] for each in columns]) for name, kind, columns in found}
    )


def read_walls(engine: str, database: str) -> list[Wall]:
    """Who sees what of the tables of ``read_schema``. ``database``: of the spans. Raises chDB's
    errors."""
    from chdb.state.sqlitelike import Connection

    connection = Connection(engine)
    try:
        rows = connection.query(
            "SELECT t.database, t.name, groupArray(c.name) FROM system.tables AS t"
            " LEFT JOIN system.columns AS c ON c.database = t.database AND c.table = t.name"
            f" WHERE {_SERVED.format('t.')} AND t.engine != 'View' GROUP BY ALL",
            "JSONCompactEachRow",
        )
        found = [json.loads(line) for line in (rows.bytes() or b"").splitlines()]
    finally:
        connection.close()
    return [wall(place, name, ours=database, columns=columns) for place, name, columns in found]


def mirror(store: str, directory: Path, memory_bytes: int, walls: Iterable[Wall]) -> str:
    """What chDB knows a reader of the writer's directory ``store`` by; its own is ``directory``."""
    config, users_file = directory / "config.xml", directory / "users.xml"
    users_file.write_text(users(walls, _PROFILE))
    config.write_text(
        "<clickhouse><user_directories><users_xml>"
        f"<path>{escape(str(users_file))}</path>"
        "</users_xml></user_directories><storage_configuration><disks>"
        f"<{_DISK}><type>object_storage</type><object_storage_type>local</object_storage_type>"
        f"<metadata_type>plain</metadata_type><readonly>true</readonly>"
        f"<object_metadata_cache_size>{_SIZES_KEPT}</object_metadata_cache_size>"
        f"<path>{escape(store)}/</path></{_DISK}>"
        "</disks></storage_configuration></clickhouse>\n"
    )
    # As `Engine` spells it: chDB compares letter by letter.
    path = os.path.realpath(directory / "engine")
    return f"{path}?config-file={config}&max_server_memory_usage={memory_bytes}"


def attach(engine: str, statements: list[str]) -> Connection:
    """Run what ``read_schema`` gave. Raises chDB's errors.

    The connection must stay open: with the last one chDB ends the engine, and one that begins anew
    in the same process reads all tables a second time, and has been seen to wait for ever.
    """
    from chdb.state.sqlitelike import Connection

    connection = Connection(engine)
    for statement in statements:
        connection.query(statement)
    return connection


def _attach(create: str, lag_seconds: float | None) -> str:
    """``CREATE … UUID '…'`` in the engine's own spelling, as the reader attaches it. None: a view,
    which has no parts."""
    tokens = tokenise(create)
    assert tokens[0].text == "CREATE"
    parts = [create[tokens[0].end :]]
    if lag_seconds is not None:
        settings = f" disk = '{_DISK}', refresh_parts_interval = {lag_seconds},"
        clause = [t for t in tokens if t.depth == 0 and t.text == "SETTINGS"]
        # A MergeTree table always has one: its index_granularity.
        at = clause[-1].end
        parts = [create[tokens[0].end : at], settings, create[at:]]
    return "".join(("ATTACH", *parts))
