"""Statements to the read-only ClickHouse port, made of what statements are made of.

No answer may hold what stands in a file, outside of the directory or inside; no file may appear,
change or go; a statement ends within its limits. Bytes choose from WORDS, or are text themselves.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import cache
from pathlib import Path

from clickhouse.embedded_http import settings
from clickhouse.embedded_http.engine import Engine
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.guard import Guard
from tests.fuzz.targets import BrokenPromise, engine

_SECRET = "the-secret-of-another-file"
_SECONDS = 2.0
#: The longest that one statement may take, its parsing included.
_MOST_SECONDS = 12.0

_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-guard-"))
_OUTSIDE = _FOLDER / "secret.csv"

WORDS = [
    word.encode()
    for word in (
        "SELECT|FROM|WHERE|(|)|,|*|'|`|\"|--|/*|*/|;|WITH|AS|IN|UNION ALL|FORMAT|SETTINGS"
        "|INTO OUTFILE|ORDER BY|GROUP BY|LIMIT|JOIN|ON|USING|APPLY|->|EXPLAIN|AST|SYNTAX|DESCRIBE"
        "|SHOW TABLES|SHOW CREATE TABLE|EXISTS|INSERT INTO|CREATE TABLE|ALTER TABLE|DROP TABLE"
        "|KILL QUERY|SYSTEM"
        "|ATTACH|BACKUP|RENAME|OPTIMIZE|SET|USE|GRANT|VALUES|NULL|1|0|'a'|[|]|{|}|.|=|!=|AND|OR|NOT"
        "|file|url|s3|executable|mysql|remote|remoteSecure|cluster|merge|input|hdfs|sqlite|jdbc|view"
        "|numbers|format|values|dictionary|loop|fuzzJSON|generateRandom|icebergS3|deltaLake"
        "|arrayMap|arrayFilter|arrayFold|COLUMNS|EXCEPT|REPLACE|TRANSFORM|toString|length|count()"
        "|everyspan.spans|everyspan.spans_raw|system.tables|system.files|system.query_log|default"
        "|system.processes|system.users|system.server_settings|getSetting|getServerSetting|dictGet"
        "|joinGet|catboostEvaluate|hasColumnInTable|evalMLMethod|tcpPort|hostName|filesystemAvailable"
        "|{p:Identifier}|{p:String}|additional_table_filters|additional_result_filter|limit|offset"
        "|max_execution_time|readonly|allow_ddl|output_format_json|format_schema|log_comment|FINAL"
        "|PREWHERE|SAMPLE|ARRAY JOIN|GLOBAL IN|OUTFILE|COMPRESSION|TEMPORARY|EPHEMERAL|MATERIALIZED"
        "|'/etc/passwd'|'secret.csv'|CSV|RawBLOB|LineAsString|TSV|'a String'|\\n|\\x00|\\\\"
    ).split("|")
]
SEEDS = [
    statement.encode()
    for statement in (
        "SELECT 1",
        "SELECT count() FROM everyspan.spans WHERE trace_id = 'x' GROUP BY model FORMAT JSON",
        "WITH x AS (SELECT file('{file}')) SELECT * FROM x",
        "SELECT arrayMap(file, ['{file}'])",
        "SELECT * FROM file('{file}', LineAsString)",
        "SELECT 1 IN default.`{file}`",
        "SELECT * FROM everyspan.spans SETTINGS additional_table_filters = {'spans': 'file(1)'}",
        "SELECT 1 INTO OUTFILE '{file}' FORMAT CSV",
        "SELECT * APPLY file FROM (SELECT '{file}')",
        "EXPLAIN AST SELECT file('{file}')",
        "SHOW TABLES WHERE file('{file}') != ''",
        "SELECT * FROM view(SELECT * FROM url('file://{file}', CSV, 'a String'))",
        "DESCRIBE file('{file}', CSV)",
        "SELECT * FROM format(CSV, 'a String', '1')",
        "SELECT (SELECT groupArray(a) FROM s3('file://{file}', CSV, 'a String'))",
        "INSERT INTO FUNCTION file('{file}', CSV, 'a String') SELECT 'x'",
    )
]


@cache
def _engine() -> Engine:
    _OUTSIDE.write_text(f"a\n{_SECRET}\n")
    # Where a relative path leads: nobody else writes here.
    os.chdir(_FOLDER)
    engine.settings()
    inside = engine.directory() / "clickhouse" / "user_files"
    inside.mkdir(parents=True, exist_ok=True)
    (inside / "secret.csv").write_text(f"a\n{_SECRET}\n")
    (engine.directory() / "clickhouse" / "secret.csv").write_text(f"a\n{_SECRET}\n")
    made = Engine(
        f"{engine.directory() / 'clickhouse'}?max_server_memory_usage={4 << 30}",
        settings.Limits(_SECONDS, 1 << 20, 256 << 20),
    )
    made.open()
    return made


@cache
def _guard() -> Guard:
    found = _engine()
    return Guard(found.canonical, found.syntax_tree, found.table_functions)


def check(data: bytes) -> None:
    """Raises BrokenPromise."""
    sql = _statement(data)
    if not sql.strip():
        return
    guard, found = _guard(), _engine()
    before = _files()
    began = time.monotonic()
    answer = b""
    params = {"p": str(_OUTSIDE)}
    try:
        statement = guard.check(sql, params if "{p:" in sql else {})
        if (statement.format or "TSV").lower() not in found.formats:
            return
        answer = found.run(
            statement.sql,
            found.formats[(statement.format or "TSV").lower()][0],
            database="everyspan",
            params=params if "{p:" in sql else {},
            settings=statement.settings,
            tag="fuzz",
        ).data
    except QueryRefused as error:
        answer = str(error).encode()
    took = time.monotonic() - began
    if _SECRET.encode() in answer:
        raise BrokenPromise(f"the engine read a file: {sql!r}")
    if _files() != before:
        raise BrokenPromise(f"the engine wrote a file: {sql!r}")
    if took > _MOST_SECONDS:
        raise BrokenPromise(f"{took:.1f} s for {sql[:300]!r}")


def _statement(data: bytes) -> str:
    """Bytes from 128 up are words of the list (255 with the next byte: the later ones), the others
    themselves."""
    parts: list[str] = []
    later = False
    for byte in data[:400]:
        if later:
            parts.append(f" {WORDS[(127 + byte) % len(WORDS)].decode()} ")
            later = False
        elif byte == 255:
            later = True
        else:
            parts.append(f" {WORDS[byte - 128].decode()} " if byte >= 128 else chr(byte))
    return "".join(parts).replace("{file}", str(_OUTSIDE))


def _files() -> list[tuple[str, int, int]]:
    """Name, size and time of what lies where a statement might write."""
    folders = (
        _FOLDER,
        engine.directory() / "clickhouse",
        engine.directory() / "clickhouse/user_files",
    )
    found = []
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                status = path.stat()
                found.append((str(path), status.st_size, status.st_mtime_ns))
    return found
