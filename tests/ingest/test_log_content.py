"""Log records of GenAI become content records; all others are left out."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from clickhouse.content import CONTENT_COLUMNS, columns_of
from ingest.attributes import loads
from ingest.limits import ContentLimits
from ingest.log_content import ContentBatch, content_records
from tests.ingest.otlp_payloads import decode_logs

CAPTURES = Path(__file__).parents[1] / "captures" / "payloads"
NOW = 1_800_000_000 * 10**9
DAY = 86_400 * 10**9


def text(value: str) -> AnyValue:
    return AnyValue(string_value=value)


def record(name: str = "gen_ai.user.message", **fields: Any) -> LogRecord:
    defaults = {
        "event_name": name,
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "time_unix_nano": NOW,
        "body": text("hello"),
    }
    return LogRecord(**(defaults | fields))


def read(*records: LogRecord, limits: ContentLimits | None = None) -> ContentBatch:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    return content_records(request, now=NOW, retention_days=30, limits=limits or ContentLimits())


def test_a_message_keeps_its_attributes_and_body() -> None:
    attributes = [KeyValue(key="gen_ai.system", value=text("openai"))]
    batch = read(record(attributes=attributes))
    (row,) = batch.records
    assert (row.trace_id, row.span_id, row.time) == ("74" * 16, "73" * 8, NOW)
    assert row.name == "gen_ai.user.message"
    assert loads(row.attributes) == {"attributes": {"gen_ai.system": "openai"}, "body": "hello"}
    assert 0 <= row.record_id < 2**64
    assert (batch.rejected, batch.ignored) == ({}, 0)
    assert len(columns_of([row])) == len(columns_of([])) == len(CONTENT_COLUMNS)


def test_the_name_may_be_an_attribute_or_in_the_body_or_told_by_the_content() -> None:
    named = KeyValue(key="event.name", value=text("gen_ai.choice"))
    in_body = AnyValue()
    in_body.kvlist_value.values.append(named)
    messages = KeyValue(key="gen_ai.input.messages", value=text("[]"))
    batch = read(
        record("", attributes=[named]),
        record("", body=in_body),
        record("", attributes=[messages]),
    )
    assert [row.name for row in batch.records] == [
        "gen_ai.choice",
        "gen_ai.choice",
        "gen_ai.client.inference.operation.details",
    ]
    assert "event.name" not in loads(batch.records[0].attributes)["attributes"]


def test_other_logs_are_accepted_and_left_out() -> None:
    named = KeyValue(key="event.name", value=text("exception"))
    batch = read(
        record("http.request"),
        record("", attributes=[named]),
        record(""),
        record(trace_id=b"", span_id=b""),
    )
    assert (batch.records, batch.rejected, batch.ignored) == ([], {}, 4)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b"t"}, "trace_id must be 16 bytes, got 1"),
        ({"span_id": b"s" * 9}, "span_id must be 8 bytes, got 9"),
        ({"trace_id": bytes(16)}, "trace_id must not be all zero"),
        ({"span_id": bytes(8)}, "span_id must not be all zero"),
        ({"time_unix_nano": 1}, "older than the retention of 30 days"),
        ({"time_unix_nano": NOW - 31 * DAY}, "older than the retention of 30 days"),
        ({"time_unix_nano": NOW + 2 * DAY}, "more than a day in the future"),
    ],
)
def test_what_cannot_be_kept_is_rejected_with_the_reason(
    fields: dict[str, Any], reason: str
) -> None:
    batch = read(record(**fields), record())
    ((found, number),) = batch.rejected.items()
    assert reason in found
    assert number == 1
    assert len(batch.records) == 1


def test_a_record_without_a_time_has_that_of_its_observation_or_now() -> None:
    batch = read(
        record(time_unix_nano=0, observed_time_unix_nano=NOW - 5),
        record(time_unix_nano=0, span_id=b"r" * 8),
    )
    assert [row.time for row in batch.records] == [NOW - 5, NOW]


def test_records_of_one_millisecond_stay_in_order() -> None:
    records = [record(body=text(str(i))) for i in range(5)]
    rows = read(*records, record(span_id=b"r" * 8)).records
    assert [row.time - NOW for row in rows] == [0, 1, 2, 3, 4, 0]


def test_a_record_that_is_sent_again_is_the_same_row() -> None:
    records = [record(body=text(str(i % 3)), time_unix_nano=NOW + i // 3) for i in range(6)]
    once, again = read(*records), read(*records)
    assert once == again
    assert len({row.record_id for row in once.records}) == 6
    assert read(records[1]).records[0].record_id == once.records[1].record_id


def test_long_texts_are_cut_with_a_mark() -> None:
    limits = ContentLimits(max_attribute_bytes=1000, max_attributes=3, max_events_bytes=4000)
    (row,) = read(record(body=text("x" * 10_000)), limits=limits).records
    assert loads(row.attributes)["body"].endswith("…[everyspan: 9000 bytes cut]")

    many = [KeyValue(key=f"k{i}", value=text("v")) for i in range(5)]
    (row,) = read(record(attributes=many), limits=limits).records
    assert loads(row.attributes)["attributes"]["everyspan.dropped_attributes"] == 2

    body = AnyValue()
    body.array_value.values.extend(text("y" * 999) for _ in range(12))
    (row,) = read(record(body=body), limits=limits).records
    assert len(row.attributes) <= 4000
    assert all("bytes cut]" in part for part in loads(row.attributes)["body"])

    body.array_value.values.extend(text("z" * 999) for _ in range(500))
    (row,) = read(record(body=body), limits=limits).records
    assert len(row.attributes) <= 4000
    assert "bytes cut]" in loads(row.attributes)["body"]


@pytest.mark.parametrize(
    "path", sorted(CAPTURES.glob("*/*/*_logs.*")), ids=lambda path: "/".join(path.parts[-3:-1])
)
def test_real_log_requests_are_understood_whole(path: Path) -> None:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    request = decode_logs(data, "json" if ".json" in path.name else "protobuf")
    records = [
        record
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    now = max(record.observed_time_unix_nano for record in records)
    batch = content_records(request, now=now, retention_days=30, limits=ContentLimits())
    assert len(batch.records) == len(records)
    assert len({row.record_id for row in batch.records}) == len(records)
    assert all(row.name.startswith(("gen_ai.", "claude_code.")) for row in batch.records)
