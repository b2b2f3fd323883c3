"""What Grafana, drivers and our own boards ask passes the guard, on the real schema."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grafana.variables import fill
from tests.everyspan_up import Up
from tests.grafana.test_sql import expanded, load, queries, rules, values_of

QUERIES = Path(__file__).parents[2] / "clickhouse" / "queries"
# Of Grafana's plugin, clickhouse-go, clickhouse-connect and those who look around.
CLIENTS = """
SELECT displayName(), version(), revision(), timezone()
SELECT 1
SELECT version()
SELECT timezone()
SELECT version(), timezone()
SELECT currentDatabase()
SELECT currentUser()
SHOW DATABASES
SHOW TABLES
SHOW TABLES FROM "everyspan"
SHOW TABLES FROM everyspan LIKE 'span%'
SHOW COLUMNS FROM spans
SHOW CREATE TABLE spans
SHOW CREATE TABLE spans_raw
SHOW FUNCTIONS LIKE 'quantile%'
DESC TABLE "everyspan"."spans"
DESCRIBE TABLE everyspan.otel_traces
EXISTS TABLE everyspan.spans
EXPLAIN SELECT count() FROM spans
EXPLAIN indexes = 1 SELECT count() FROM spans_raw WHERE trace_id = 'x'
EXPLAIN PIPELINE SELECT count() FROM spans
EXPLAIN ESTIMATE SELECT count() FROM spans_raw
SELECT name, type, table FROM system.columns WHERE database = 'everyspan'
SELECT database, name FROM system.tables ORDER BY database, name
SELECT database, table, name, type, comment FROM system.columns LIMIT 10
SELECT name, engine, total_rows, total_bytes FROM system.tables WHERE database = 'everyspan'
SELECT count(*) FROM system.tables
SELECT t.name FROM system.tables AS t WHERE t.database = 'everyspan'
SELECT name FROM system.databases
SELECT name, engine, comment FROM system.databases ORDER BY name
SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active GROUP BY table
SELECT name, value, readonly FROM system.settings LIMIT 10000
SELECT name, value, readonly AS readonly FROM system.settings LIMIT 10000
SELECT name, is_aggregate, case_insensitive, alias_to, origin FROM system.functions LIMIT 5
SELECT name FROM system.table_functions
SELECT name, description FROM system.data_type_families LIMIT 5
SELECT time_zone FROM system.time_zones LIMIT 5
SELECT metric, value FROM system.metrics LIMIT 5
SELECT event, value FROM system.events LIMIT 5
SELECT keyword FROM system.keywords LIMIT 5
SELECT table_name FROM information_schema.tables WHERE table_schema = 'everyspan'
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'spans'
SELECT DISTINCT arrayJoin(mapKeys(attributes)) AS keys FROM spans LIMIT 1000
SELECT DISTINCT model FROM spans WHERE model != '' ORDER BY model
SELECT * FROM spans LIMIT 1
SELECT s.* FROM spans AS s LIMIT 1
SELECT * EXCEPT (input, output) FROM spans LIMIT 1
SELECT COLUMNS('_score$') FROM spans LIMIT 1
SELECT hasAll(documents, ['a']), hasAny(documents, ['a', 'b']) FROM spans LIMIT 1
SELECT multiSearchAny(input, ['a', 'b']), multiMatchAny(input, ['a.*b']) FROM spans LIMIT 1
SELECT editDistance(input, output), ngramDistance(input, output) FROM spans LIMIT 1
SELECT levenshteinDistance(name, 'chat'), jaroWinklerSimilarity(name, 'chat') FROM spans LIMIT 1
SELECT arrayMap(x -> x * 2, range(1000000)) AS doubled FORMAT Null
SELECT quantiles(0.5, 0.9, 0.99)(duration_ms) FROM spans
SELECT toStartOfHour(start_time) AS time, count() FROM spans GROUP BY time ORDER BY time WITH FILL
SELECT topK(5)(model), uniqExact(trace_id), groupArray(10)(name) FROM spans
SELECT sum(cost_usd) OVER (PARTITION BY model ORDER BY start_time) FROM spans LIMIT 1
SELECT JSONExtractString(events, 1, 'name') FROM spans LIMIT 1
SELECT trace_id FROM spans WHERE match(input, '(?i)refund') LIMIT 1
SELECT count() FROM spans AS a JOIN spans AS b ON a.span_id = b.parent_span_id
SELECT * FROM experiment_status
SELECT * FROM otel_traces LIMIT 1
SELECT TraceId, Start, End FROM otel_traces_trace_id_ts LIMIT 1
SELECT count() FROM spans SETTINGS additional_table_filters = {'everyspan.spans': 'model != \\'\\''}
WITH path AS (SELECT 1 AS data_path) SELECT data_path FROM path
SELECT file, path FROM (SELECT 'a' AS file, 'b' AS path)
SELECT attributes['host.name'], attributes['path'] FROM spans LIMIT 1
SELECT formatReadableSize(sum(bytes_on_disk)) FROM system.parts WHERE active
""".strip().split("\n")


def answered(up: Up, sql: str) -> None:
    answer = up.request("POST", "/?default_format=JSON", sql.encode(), port="clickhouse")
    assert answer.status == 200, f"{sql}: {answer.body.decode()}"


def test_the_list_is_long() -> None:
    assert len(CLIENTS) >= 60


@pytest.mark.parametrize("sql", CLIENTS)
def test_clients(up: Up, sql: str) -> None:
    answered(up, sql)


@pytest.mark.parametrize("path", sorted(QUERIES.glob("*.sql")), ids=lambda path: path.stem)
def test_queries_to_start_from(up: Up, path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    answer = up.request("POST", "/?param_trace_id=x", sql.encode(), port="clickhouse")
    assert answer.status == 200, answer.body.decode()


def test_panels(up: Up) -> None:
    for board, _, target in (parameter.values for parameter in queries()):
        sql = fill(target["rawSql"], values_of(load(board)))
        answered(up, expanded(sql, timedelta(days=1)))


def test_rules(up: Up) -> None:
    seen = 0
    for (rule,) in (parameter.values for parameter in rules()):
        queried: list[dict[str, Any]] = [q for q in rule["data"] if "rawSql" in q["model"]]
        for query in queried:
            answered(up, expanded(query["model"]["rawSql"], timedelta(hours=1)))
            seen += 1
    assert seen > 10
