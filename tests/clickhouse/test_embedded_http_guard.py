"""Attempts to get out of the read-only endpoint, and statements that must still work."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from clickhouse.connection import embedded_engine
from clickhouse.embedded_http.engine import Engine
from clickhouse.embedded_http.errors import QueryRefused
from clickhouse.embedded_http.guard import Guard
from clickhouse.embedded_http.guard_rules import why_refused
from clickhouse.embedded_http.settings import Limits
from tests.clickhouse.databases import engine as opened
from tests.clickhouse.embedded_http_server import Answer, Server, serve

SECRET = "the-secret-of-another-file"
PASSWORD = {"user": "reader", "password": "a password"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guard")


@pytest.fixture(scope="module")
def secret(directory: Path) -> Path:
    path = directory / "secret.csv"
    path.write_text(f"a\n{SECRET}\n")
    return path


@pytest.fixture(scope="module")
def server(directory: Path, secret: Path) -> Iterator[Server]:
    with serve(directory / "data", max_execution_seconds=3) as running:
        yield running


@pytest.fixture(scope="module")
def locked(directory: Path, secret: Path) -> Iterator[Server]:
    with serve(directory / "locked", max_execution_seconds=3, **PASSWORD) as running:
        yield running


def refused(answer: Answer) -> None:
    assert SECRET not in answer.text
    # Not a read, not granted, no setting; or nothing that the engine knows.
    assert answer.code in (36, 62, 115, 164, 497, 46, 47, 60, 69), answer
    assert answer.status >= 400
    assert f"Code: {answer.code}. DB::Exception: " in answer.text


def _table(name: str) -> list[tuple[str, str]]:
    """Heading and statement of each line; ``\\n`` and ``\\t`` stand for themselves."""
    found, heading = [], ""
    for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line and not line.startswith("#"):
            found.append((heading, re.sub(r"\\([\\nt])", lambda m: _UNESCAPED[m[1]], line)))
    return found


_UNESCAPED = {"\\": "\\", "n": "\n", "t": "\t"}
ATTEMPTS = _table("guard_attempts.txt")


def test_the_table_of_attempts_is_long_and_says_no_thing_twice() -> None:
    assert len(ATTEMPTS) >= 600
    assert len({statement for _, statement in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize(("heading", "attempt"), ATTEMPTS)
def test_refuses(
    server: Server, locked: Server, directory: Path, secret: Path, heading: str, attempt: str
) -> None:
    out = secret.with_name("written.csv")
    sql = attempt.replace("{file}", str(secret)).replace("{out}", str(out))
    strange = locked.ask(sql)
    assert (strange.status, strange.code) == (403, 516)
    for answer in (server.ask(sql), locked.ask(method="GET", query=sql, **PASSWORD)):
        if heading.startswith("harmless"):
            assert answer.text in ("", "1\n")
        else:
            refused(answer)
        # What the statement itself says may come back; what else is known of the machine may not.
        told = answer.text.replace(str(secret), "").replace(str(out), "")
        assert SECRET not in told
        assert str(directory) not in told
        assert os.uname().release not in told
        assert socket.gethostname() not in re.findall(r"[\w.-]+", told)
    assert not out.exists()


def test_every_alias_of_a_refused_function_is_refused_too(server: Server) -> None:
    rows = server.ask("SELECT name, alias_to FROM system.functions WHERE alias_to != ''").text
    pairs = [row.split("\t") for row in rows.splitlines()]
    assert len(pairs) > 100
    for name, of in pairs:
        assert why_refused(name.lower()) == why_refused(of.lower()), name


def test_errors_do_not_tell_where_the_data_lies(server: Server, directory: Path) -> None:
    for path in (directory / "data", directory / "data" / "store" / "x"):
        answer = server.ask(f"SELECT noSuchFunction('{path}', '{os.uname().release}')")
        assert answer.code == 46
        assert str(directory) not in answer.text
        assert os.uname().release not in answer.text


def test_nothing_was_written_by_the_attempts(server: Server) -> None:
    assert server.ask("SELECT count(), uniqExact(span_id) FROM spans_raw").text == "1000\t1000\n"
    assert server.ask("SHOW TABLES").text == "spans\nspans_raw\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT arrayMap({f:Identifier}, [{p:String}])",
        "SELECT * APPLY {f:Identifier} FROM (SELECT {p:String})",
        "SELECT * FROM {d:Identifier}.{p:Identifier}",
        "SELECT * FROM {d:Identifier}.`/etc/passwd`",
        "SELECT '1' IN {d:Identifier}.{p:Identifier}",
        "SELECT * FROM {s:Identifier}.{u:Identifier}",
        "SELECT {n:Identifier} FROM system.one",
    ],
)
def test_refuses_names_that_come_as_parameters(server: Server, secret: Path, sql: str) -> None:
    refused(
        server.ask(
            sql,
            param_f="file",
            param_p=str(secret),
            param_d="default",
            param_s="system",
            param_u="users",
            param_n="a\\nb",
        )
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("readonly", "0"),
        ("allow_ddl", "1"),
        ("allow_introspection_functions", "1"),
        ("allow_experimental_eval_table_function", "1"),
        ("dialect", "kusto"),
        ("format_schema", "/etc/passwd"),
        ("output_format_schema", "/x"),
        ("additional_table_filters", "{'everyspan.spans': 'file(\\'/etc/passwd\\')'}"),
        ("additional_table_filters", "{'everyspan.spans': '1'}, readonly = 0"),
        ("max_threads = 1, readonly", "0"),
        ("max_execution_time", "-1"),
        ("max_execution_time", "nan"),
        ("no_such_setting", "1"),
        ("database", "system"),
    ],
)
def test_refuses_settings_in_the_url(server: Server, name: str, value: str) -> None:
    refused(server.ask("SELECT 1", **{name: value}))


def test_unknown_database_in_the_url_cannot_smuggle_sql(server: Server) -> None:
    answer = server.ask("SELECT 1", database="x`; DROP TABLE everyspan.spans_raw; --")
    assert (answer.status, answer.code) == (404, 81)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM numbers(1000000000000000000) WHERE NOT ignore(cityHash64(number))",
        "SELECT sum(cityHash64(number)) FROM system.numbers",
        "SELECT sum(cityHash64(number)) FROM numbers(1e18) SETTINGS max_execution_time = 0",
        "SELECT sum(cityHash64(number)) FROM numbers(1e18) SETTINGS max_execution_time = 1000",
        "SELECT count() FROM generateRandom('a UInt64') WHERE a = 1",
    ],
)
def test_stops_what_takes_too_long(server: Server, sql: str) -> None:
    answer = server.ask(sql)
    assert (answer.status, answer.code) == (408, 159)


LEGAL = [
    ("SELECT count() FROM everyspan.spans", "1000\n"),
    ("SELECT count() FROM spans;", "1000\n"),
    ("-- a; b\nSELECT /* ; */ 1 # c", "1\n"),
    ("SELECT file, url FROM spans WHERE file = 'agent_7.py'", "agent_7.py\thttp://localhost/\n"),
    ("SELECT arrayMap(x -> upper(x), [file]) FROM spans WHERE span_id = 1", "['AGENT_1.PY']\n"),
    ("SELECT arrayMap(upper, ['a'])", "['A']\n"),
    ("SELECT count(file), uniq(url), any(length(input)) > 1 FROM spans", "1000\t1\t1\n"),
    ("SELECT s.file AS file FROM spans AS s WHERE s.span_id = 2", "agent_2.py\n"),
    ("SELECT 'file(\\'x\\'); INTO OUTFILE FORMAT JSON' AS file", None),
    ("SELECT $$url('x')$$", "url(\\'x\\')\n"),
    ("SELECT ';', 'SETTINGS readonly = 0', '-- x'", ";\tSETTINGS readonly = 0\t-- x\n"),
    ("SELECT count() FROM spans WHERE input LIKE '%INTO OUTFILE%'", "1000\n"),
    ("WITH url AS (SELECT 1 AS file) SELECT file FROM url", "1\n"),
    ("WITH (SELECT max(span_id) FROM spans) AS m SELECT m", "999\n"),
    ("SELECT 1 WHERE 1 IN (SELECT span_id FROM spans)", "1\n"),
    ("SELECT '1' AS default, default", "1\t1\n"),
    ("SELECT format('{}-{}', 'a', 'b')", "a-b\n"),
    ("SELECT 1 AS settings, 2 AS format ORDER BY settings, format", "1\t2\n"),
    ("SELECT sum(number) FROM numbers(10)", "45\n"),
    ("SELECT * FROM values('a UInt8', 1, 2)", "1\n2\n"),
    ("SELECT * FROM view(SELECT 1)", "1\n"),
    ("SELECT count() FROM (SELECT * FROM generateRandom('a UInt8') LIMIT 5)", "5\n"),
    ("SELECT 1 EXCEPT SELECT 2", "1\n"),
    ("SELECT 1 SETTINGS max_threads = 1 UNION ALL SELECT 1 SETTINGS max_threads = 2", "1\n1\n"),
    ("SELECT * FROM (SELECT 1 SETTINGS join_use_nulls = 1)", "1\n"),
    ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "1\n"),
    ("SELECT getSetting('max_threads') SETTINGS max_threads = 1", "1\n"),
    ("SELECT getSetting('readonly')", "1\n"),
    ("SHOW DATABASES", None),
    ("SHOW TABLES", "spans\nspans_raw\n"),
    ('SHOW TABLES FROM "everyspan"', "spans\nspans_raw\n"),
    ("SHOW TABLES FROM default", ""),
    ('DESC TABLE "everyspan"."spans"', None),
    ("DESCRIBE TABLE spans", None),
    ("SHOW CREATE TABLE spans_raw", None),
    ("SHOW COLUMNS FROM spans", None),
    ("SHOW FUNCTIONS LIKE 'quantile%'", None),
    ("EXISTS TABLE spans", "1\n"),
    ("EXPLAIN SELECT count() FROM spans", None),
    ("EXPLAIN indexes = 1 SELECT count() FROM spans_raw WHERE span_id = 1", None),
    ("EXPLAIN PIPELINE SELECT 1", None),
    ("EXPLAIN SYNTAX SELECT 1", None),
    ("SELECT version()", None),
    ("SELECT timezone()", None),
    ("SELECT currentDatabase()", "everyspan\n"),
    ("SELECT name, type, table FROM system.columns WHERE database = 'everyspan'", None),
    (
        "SELECT name, is_aggregate, case_insensitive, alias_to, origin, description, syntax,"
        " arguments, returned_value, examples, categories FROM system.functions LIMIT 5",
        None,
    ),
    ("SELECT database, name FROM system.tables ORDER BY database, name", None),
    ("SELECT database, table, name, type, comment FROM system.columns LIMIT 10", None),
    ("SELECT DISTINCT arrayJoin(mapKeys(attributes)) AS keys FROM spans LIMIT 1000", "k\n"),
    ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'everyspan'", None),
    (
        "SELECT count() FROM spans settings additional_table_filters="
        "{'everyspan.spans': ' span_id < 10 AND file != \\'agent_3.py\\' '}",
        "9\n",
    ),
]


@pytest.mark.parametrize(("sql", "expected"), LEGAL)
def test_answers(server: Server, sql: str, expected: str | None) -> None:
    answer = server.ask(sql)
    assert answer.status == 200, answer.text
    if expected is None:
        assert answer.body
    else:
        assert answer.text == expected


def test_filters_of_grafana_may_come_in_the_url(server: Server) -> None:
    answer = server.ask(
        "SELECT count() FROM spans", additional_table_filters="{'everyspan.spans': 'span_id < 10'}"
    )
    assert answer.text == "10\n"


def test_one_readers_settings_do_not_reach_the_next(server: Server) -> None:
    assert server.ask("SELECT getSetting('join_use_nulls')", join_use_nulls=1).text == "true\n"
    assert server.ask("SELECT getSetting('join_use_nulls')").text == "false\n"


def test_a_tree_is_looked_at_once_for_all_its_strings_and_numbers(tmp_path: Path) -> None:
    """What strings say is looked at each time where it is SQL."""
    with opened(tmp_path / "shapes") as dsn:
        engine = Engine(embedded_engine(dsn), Limits(10, 1000, 1 << 30))
        looked: list[str] = []

        def tree(sql: str, params: Mapping[str, str]) -> str:
            looked.append(sql)
            return engine.syntax_tree(sql, params)

        guard = Guard(engine.canonical, tree, engine.table_functions)
        board = (
            "SELECT number FROM numbers({}) WHERE concat(number) != '{}' SETTINGS max_threads = {}"
        )
        for n, text in ((1, "a"), (20, "file('x')"), (300, "b\n''")):
            found = guard.check(board.format(n, text.replace("'", "\\'"), n), {})
            assert (str(n) in found.sql, found.settings) == (True, {"max_threads": str(n)})
        assert len(looked) == 1
        # Another name, another tree.
        guard.check(
            board.format(1, "a", 1).replace("numbers", "zeros").replace("number", "zero"), {}
        )
        assert len(looked) == 2
        filtered = "SELECT 1 SETTINGS additional_table_filters = {{'t': '{}'}}"
        guard.check(filtered.format("a = 1"), {})
        guard.check(filtered.format("a = 2"), {})
        for inner in (r"file(\'x\') = 1", "a IN system.users"):
            with pytest.raises(QueryRefused):
                guard.check(filtered.format(inner), {})
