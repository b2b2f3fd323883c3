"""Attempts to get out of the read-only endpoint, and statements that must still work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clickhouse.embedded_http_server import Answer, Server, serve

SECRET = "the-secret-of-another-file"


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


def refused(answer: Answer) -> None:
    assert SECRET not in answer.text
    assert answer.code in (36, 62, 115, 164, 497), answer
    assert answer.status >= 400
    assert f"Code: {answer.code}. DB::Exception: " in answer.text


ESCAPES = [
    # the scalar function, in every dress
    "SELECT file('{file}')",
    "SELECT FILE('{file}')",
    "SELECT fIlE ( '{file}' )",
    "SELECT file/**/('{file}')",
    "SELECT file -- x\n('{file}')",
    "SELECT `file`('{file}')",
    "SELECT \"file\"('{file}')",
    "SELECT length(file('{file}')) AS file",
    "WITH file('{file}') AS x SELECT x",
    "WITH (SELECT file('{file}')) AS x SELECT x",
    "WITH x AS (SELECT file('{file}')) SELECT * FROM x",
    "WITH f AS (p -> file(p)) SELECT f('{file}')",
    "SELECT 1 WHERE 1 IN (SELECT length(file('{file}')))",
    "SELECT 1 WHERE (SELECT file('{file}')) != ''",
    "SELECT * FROM (SELECT file('{file}'))",
    "SELECT * FROM view(SELECT file('{file}'))",
    "SELECT 1 UNION ALL SELECT length(file('{file}'))",
    "SELECT count() FROM spans GROUP BY file('{file}')",
    "SELECT 1 ORDER BY file('{file}')",
    "SELECT 1 LIMIT length(file('{file}'))",
    "SELECT sum(1) OVER w FROM spans WINDOW w AS (PARTITION BY file('{file}'))",
    "SELECT 1 HAVING file('{file}') != ''",
    "SELECT arrayMap(file, ['{file}'])",
    "SELECT arrayMap(`file`, ['{file}'])",
    "SELECT arrayMap((file), ['{file}'])",
    "SELECT arrayMap(((file)) AS f, ['{file}'])",
    "SELECT arrayFilter(file, ['{file}'])",
    "SELECT arrayMap(x -> file(x), ['{file}'])",
    "SELECT * APPLY file FROM (SELECT '{file}')",
    "SELECT * APPLY(file) FROM (SELECT '{file}')",
    "SELECT COLUMNS('.*') APPLY(x -> file(x)) FROM (SELECT '{file}')",
    "SELECT * REPLACE(file('{file}') AS dummy) FROM system.one",
    "SELECT 1 IN file('{file}')",
    "SHOW TABLES WHERE file('{file}') != ''",
    "SHOW DATABASES WHERE name = file('{file}')",
    "SHOW COLUMNS FROM spans WHERE file('{file}') != ''",
    "EXPLAIN SELECT file('{file}')",
    "EXPLAIN SYNTAX SELECT file('{file}')",
    "EXPLAIN QUERY TREE SELECT file('{file}')",
    "DESCRIBE (SELECT file('{file}'))",
    "SELECT @@file('{file}')",
    # files as tables
    "SELECT * FROM file('{file}')",
    "SELECT * FROM file('{file}', CSV, 'a String')",
    "DESCRIBE TABLE file('{file}')",
    "DESC file('{file}')",
    "SELECT * FROM default.`{file}`",
    "SELECT * FROM `default`.`{file}`",
    'SELECT * FROM "default"."{file}"',
    "SELECT '1' IN default.`{file}`",
    "SELECT '1' NOT IN `default`.`{file}`",
    "SELECT '1' GLOBAL IN default.`{file}`",
    "SELECT * FROM spans WHERE file IN (SELECT * FROM default.`{file}`)",
    "DESC default.`{file}`",
    "EXISTS TABLE default.`{file}`",
    "SHOW CREATE TABLE default.`{file}`",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM merge('.*')",
    "SELECT * FROM viewIfPermitted(SELECT * FROM file('{file}') ELSE null('a String'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM (EXPLAIN SELECT 1)",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM sqlite('{file}', 't')",
    "SELECT * FROM icebergLocal('{file}')",
    "SELECT hasColumnInTable('default', '{file}', 'a')",
    # other machines and programs
    "SELECT * FROM url('http://127.0.0.1:9/', CSV, 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:9/x', CSV, 'a String')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM remoteSecure('127.0.0.1', system, one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM python(os)",
    "SELECT * FROM Python(x)",
    "SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM loop(system.one)",
    "SELECT * FROM dictionary('d')",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('default.x', 'a', 1)",
    "SELECT aiGenerate('x')",
    "SELECT AIGenerate('x')",
    "SELECT catboostEvaluate('{file}', 1)",
    "SELECT logTrace('x')",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(1) FROM spans",
    "SELECT * FROM input('a String')",
    # writing
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 into/**/outfile '{out}' FORMAT CSV",
    "SELECT 1 INTO OUTFILE '{out}' TRUNCATE",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "INSERT INTO everyspan.spans_raw (span_id) VALUES (1)",
    "INSERT INTO FUNCTION file('{out}', CSV, 'a String') VALUES ('x')",
    "INSERT INTO everyspan.spans_raw (span_id) SELECT 1",
    "EXPLAIN INSERT INTO everyspan.spans_raw (span_id) SELECT 1",
    "EXPLAIN SYNTAX INSERT INTO FUNCTION file('{out}') SELECT 1",
    "CREATE TABLE everyspan.x (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a Int8)",
    "CREATE FUNCTION f AS x -> file(x)",
    "DROP TABLE everyspan.spans_raw",
    "DETACH TABLE everyspan.spans_raw",
    "TRUNCATE TABLE everyspan.spans_raw",
    "OPTIMIZE TABLE everyspan.spans_raw",
    "ALTER TABLE everyspan.spans_raw DELETE WHERE 1",
    "DELETE FROM everyspan.spans_raw WHERE 1",
    "BACKUP TABLE everyspan.spans_raw TO File('{out}')",
    # the engine itself
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "SYSTEM SHUTDOWN",
    "SET readonly = 0",
    "SET max_threads = 1",
    "USE default",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "CHECK TABLE everyspan.spans_raw",
    "ATTACH DATABASE x",
    "GRANT ALL ON *.* TO default",
    "BEGIN TRANSACTION",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.server_settings",
    "SELECT '1' IN system.users",
    "SELECT * FROM `system`.`users`",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM system.stack_trace",
    "SELECT * FROM system.disks",
    # more than one statement
    "SELECT 1; SELECT 2",
    "SELECT 1;; SELECT 2",
    "SELECT 1; DROP TABLE everyspan.spans_raw",
    "SELECT 1 /* ; */ ; INSERT INTO everyspan.spans_raw (span_id) VALUES (1)",
    "SELECT 1 FORMAT TSV; SELECT 2",
    "SELECT ';'; SELECT 2",
    # settings
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS `readonly` = 0",
    "SELECT 1 SETTINGS final, readonly = 0",
    "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
    "SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)",
    "SELECT * FROM (SELECT 1 SETTINGS max_memory_usage = 0)",
    "SELECT 1 WHERE 1 IN (SELECT 1 SETTINGS allow_experimental_eval_table_function = 1)",
    "SELECT 1 FORMAT CSV SETTINGS allow_introspection_functions = 1",
    "SELECT 1 SETTINGS dialect = 'kusto'",
    "SELECT 1 SETTINGS format_schema = '{file}'",
    "SELECT 1 SETTINGS output_format_schema = '{out}'",
    "SELECT 1 SETTINGS format_template_row = '{file}' FORMAT Template",
    "SELECT 1 SETTINGS readonly = 0 UNION ALL SELECT 2",
    "EXPLAIN SELECT 1 SETTINGS readonly = 0",
    "SELECT * FROM spans SETTINGS additional_table_filters ="
    " {{'everyspan.spans': 'file(\\'{file}\\') = \\'\\''}}",
    "SELECT * FROM spans SETTINGS additional_table_filters ="
    " {{'everyspan.spans': '\\'1\\' IN default.`{file}`'}}",
    "SELECT * FROM spans SETTINGS additional_table_filters ="
    " {{'everyspan.spans': '1) FROM system.users -- '}}",
    # names that lie about the syntax tree
    "SELECT arrayMap(file, ['{file}']) AS `x\n   ExpressionList (children 1)`",
    "SELECT 1 AS `a\nb`",
]


@pytest.mark.parametrize("attempt", ESCAPES)
def test_refuses(server: Server, secret: Path, attempt: str) -> None:
    out = secret.with_name("written.csv")
    sql = attempt.format(file=secret, out=out)
    refused(server.ask(sql))
    refused(server.ask(method="GET", query=sql))
    assert not out.exists()


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
