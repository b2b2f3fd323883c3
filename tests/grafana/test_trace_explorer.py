"""The trace explorer of Grafana's ClickHouse plugin on our rows, by the OpenTelemetry names.

The statements are built as the plugin's query builder builds them in OTel mode: the trace by its id
through the table of trace ids, the search, and the pickers of its filters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from grafana.macros import TimeRange, expand
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.grafana import seed

TAGS = "arrayMap(key -> map('key', key, 'value', {0}[key]), mapKeys({0}))"
FIELDS = "arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes))"
COLUMNS = {
    "traceID": '"TraceId"',
    "spanID": '"SpanId"',
    "parentSpanID": '"ParentSpanId"',
    "serviceName": '"ServiceName"',
    "operationName": '"SpanName"',
    "startTime": 'multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001)',
    "duration": 'multiply("Duration", 0.000001)',
    "tags": TAGS.format('"SpanAttributes"'),
    "serviceTags": TAGS.format('"ResourceAttributes"'),
    "kind": '"SpanKind"',
    "statusCode": (
        "if(\"StatusCode\" IN ('Error', 'STATUS_CODE_ERROR'), 2,"
        " if(\"StatusCode\" IN ('Ok', 'STATUS_CODE_OK'), 1, 0))"
    ),
    "statusMessage": '"StatusMessage"',
    "instrumentationLibraryName": '"ScopeName"',
    "instrumentationLibraryVersion": '"ScopeVersion"',
    "traceState": '"TraceState"',
    "logs": (
        "arrayMap((name, timestamp, attributes) -> tuple(name,"
        f" toString(toUnixTimestamp64Milli(timestamp)), {FIELDS})::Tuple(name String,"
        " timestamp String, fields Array(Map(String, String))),"
        ' "Events.Name", "Events.Timestamp", "Events.Attributes")'
    ),
    "references": (
        "arrayMap((traceID, spanID, attributes) -> tuple(traceID, spanID,"
        f" {FIELDS})::Tuple(traceID String, spanID String, tags Array(Map(String, String))),"
        ' "Links.TraceId", "Links.SpanId", "Links.Attributes")'
    ),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("explorer") / "clickhouse"
    with engine(folder) as dsn, database(dsn) as (client, settings):
        migrated(client, settings)
        seed.fill(client, settings.database, 3000, 2)
        client.database = settings.database
        client.command(
            "INSERT INTO spans_raw (trace_id, span_id, name, service_name, step_kind, start_time,"
            " duration_ms, status, status_message, attributes, resource_attributes, events, links)"
            " SELECT repeat('a', 32), repeat('b', 16), 'chat', 'shop', 'llm', now64(9) - 60, 12.5,"
            " 'error', 'gone', map('k', 'v'), map('host.name', 'h1'), {events:String},"
            " {links:String}",
            parameters={
                "events": json.dumps(
                    [
                        {
                            "name": "exception",
                            "time": "2026-11-24T02:00:00.500Z",
                            "attributes": {"exception.type": "KeyError"},
                        }
                    ]
                ),
                "links": json.dumps(
                    [{"trace_id": "c" * 32, "span_id": "d" * 16, "attributes": {"why": "retry"}}]
                ),
            },
        )
        yield client


def by_id(client: Client, trace_id: str) -> list[dict[str, object]]:
    name = client.database
    columns = ", ".join(f"{sql} as {alias}" for alias, sql in COLUMNS.items())
    answer = client.query(
        f"WITH '{trace_id}' as trace_id,"
        f' (SELECT min(Start) FROM "{name}"."otel_traces_trace_id_ts" WHERE TraceId = trace_id)'
        " as trace_start,"
        f' (SELECT max(End) + 1 FROM "{name}"."otel_traces_trace_id_ts" WHERE TraceId = trace_id)'
        f' as trace_end SELECT {columns} FROM "{name}"."otel_traces"'
        " WHERE traceID = trace_id"
        ' AND "Timestamp" >= trace_start AND "Timestamp" <= trace_end LIMIT 1000'
    )
    return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]


def test_a_trace_by_its_id(client: Client) -> None:
    (found,) = by_id(client, "a" * 32)
    assert found["operationName"] == "chat"
    assert found["duration"] == 12.5
    assert found["statusCode"] == 2
    assert found["tags"] == [{"key": "k", "value": "v"}]
    assert found["serviceTags"] == [{"key": "host.name", "value": "h1"}]
    assert list(found["logs"][0].values()) == [  # type: ignore[index]
        "exception",
        str(int(datetime(2026, 11, 24, 2, 0, 0, 500_000, UTC).timestamp() * 1000)),
        [{"key": "exception.type", "value": "KeyError"}],
    ]
    assert list(found["references"][0].values())[:2] == ["c" * 32, "d" * 16]  # type: ignore[index]


def test_every_step_of_a_seeded_trace(client: Client) -> None:
    ((trace,),) = client.query(
        "SELECT trace_id FROM spans WHERE parent_span_id = '' AND service_name != 'shop' LIMIT 1"
    ).result_rows
    found = by_id(client, trace)
    assert len(found) == seed.STEPS
    assert sum(row["parentSpanID"] == "" for row in found) == 1
    assert {row["kind"] for row in found} == {"Server", "Client", "Internal"}


def test_search_with_filters(client: Client) -> None:
    now = datetime.now(UTC)
    sql = expand(
        'SELECT "TraceId" as traceID, "ServiceName" as serviceName, "SpanName" as operationName,'
        ' "Timestamp" as startTime, multiply("Duration", 0.000001) as duration'
        f' FROM "{client.database}"."otel_traces"'
        " WHERE ( Timestamp >= $__fromTime AND Timestamp <= $__toTime ) AND ( ParentSpanId = '' )"
        " AND ( Duration > 0 ) AND ( ServiceName = 'support-agent' )"
        " AND ( SpanAttributes['k'] != 'w' ) ORDER BY Timestamp DESC, Duration DESC LIMIT 20",
        TimeRange.last(timedelta(days=1), now),
    )
    rows = client.query(sql).result_rows
    assert 0 < len(rows) <= 20
    assert {row[1] for row in rows} == {"support-agent"}


def test_pickers(client: Client) -> None:
    name = client.database
    services = client.query(
        f'SELECT DISTINCT "ServiceName" FROM "{name}"."otel_traces" LIMIT 1000'
    ).result_rows
    assert ("shop",) in services
    keys = client.query(
        f'SELECT DISTINCT arrayJoin(mapKeys("SpanAttributes")) as keys FROM "{name}"."otel_traces"'
        " LIMIT 1000"
    ).result_rows
    assert ("k",) in keys
    columns = client.query(f'DESC TABLE "{name}"."otel_traces"').result_rows
    kinds = {row[0]: row[1] for row in columns}
    assert kinds["Timestamp"].startswith("DateTime64(9")
    assert kinds["Duration"] == "UInt64"
