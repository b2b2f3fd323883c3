"""What can't be read is refused by itself: the rest is stored, and the answer says what and why."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from ingest.otlp import Encoding, log_requests, trace_requests
from ingest.refusal import Refused
from ingest.rejected import Rejected
from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import key_value, request, span, trace_id
from tests.ingest.test_otlp_http import partial

HEX = "0af7651916cd43dd8448eb211c80319c"


def json_span(**fields: Any) -> dict[str, Any]:
    now = time.time_ns()
    return {
        "traceId": HEX,
        "spanId": "00f067aa0ba902b7",
        "name": "good",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1000),
        **fields,
    }


def document(*spans: Any) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def read(body: bytes, encoding: Encoding = "json") -> tuple[list[str], dict[str, int]]:
    """Names of the spans that are left, and reasons."""
    rejected = Rejected()
    names = [
        item.name
        for message in trace_requests(body, encoding, rejected)
        for group in message.resource_spans
        for scope in group.scope_spans
        for item in scope.spans
    ]
    return names, rejected.reasons()


def deep(levels: int) -> str:
    """JSON of an attribute whose value is nested so deep; json itself would not write it."""
    value = '{"arrayValue": {"values": [' * levels + "{}" + "]}}" * levels
    return f'{{"key": "a", "value": {value}}}'


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (json_span(name="\ud800"), "surrogate"),
        (json_span(attributes=[{"key": "a", "value": {"stringValue": "x\udfff"}}]), "surrogate"),
        (json_span(name=7), "name"),
        (json_span(startTimeUnixNano="-5"), "out of range"),
        (json_span(startTimeUnixNano=-5), "out of range"),
        (json_span(startTimeUnixNano=str(2**64)), "out of range"),
        (json_span(startTimeUnixNano=10**30), "startTimeUnixNano"),
        (json_span(startTimeUnixNano=1.5), "integer"),
        (json_span(startTimeUnixNano=True), "Bool"),
        (json_span(attributes=[{"key": "a", "value": {"intValue": "9" * 30}}]), "intValue"),
        (json_span(attributes=[{"key": "a", "value": {"intValue": float("nan")}}]), "intValue"),
        (json_span(attributes=[None]), "attributes"),
        (json_span(attributes={"a": 1}), "attributes"),
        (json_span(status=5), "status"),
        (json_span(traceId=5), "traceId"),
        (json_span(traceId="CvdlGRbNQ92ESOshHIAxnA=="), "trace_id is not hex"),
        (json_span(spanId="xyz"), "span_id is not hex"),
        (5, "list of objects"),
        (None, "list of objects"),
        ("text", "list of objects"),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_one_bad_span_of_json(bad: Any, word: str) -> None:
    body = json.dumps(document(json_span(name="one"), bad, json_span(name="two"))).encode()
    names, reasons = read(body)
    assert names == ["one", "two"]
    assert list(reasons.values()) == [1]
    assert word.lower() in next(iter(reasons)).lower()


@pytest.mark.parametrize("levels", [60, 300, 2000, 100_000])
def test_one_span_that_is_nested_deep(levels: int) -> None:
    bad = json_span(attributes="DEEP")
    text = json.dumps(document(json_span(name="one"), bad, json_span(name="two")))
    names, reasons = read(text.replace('"DEEP"', f"[{deep(levels)}]").encode())
    assert names == ["one", "two"]
    assert list(reasons.values()) == [1]
    assert "nested" in next(iter(reasons)) or "deep" in next(iter(reasons))


def test_what_json_spells_its_own_way_is_kept() -> None:
    kept = [
        json_span(attributes=[{"key": "a", "value": {"doubleValue": float("nan")}}]),
        json_span(attributes=[{"key": "a", "value": {"doubleValue": float("-inf")}}]),
        json_span(kind="SPAN_KIND_OF_TOMORROW", flags=None),
        json_span(kind=99, traceId=HEX.upper()),
        json_span(links=[{"traceId": "no hex", "spanId": "00f067aa0ba902b7"}]),
    ]
    names, reasons = read(json.dumps(document(*kept)).encode())
    assert (len(names), reasons) == (5, {})


def test_bytes_that_are_no_utf8_cost_one_span() -> None:
    body = json.dumps(document(json_span(name="one"), json_span(name="XX"))).encode()
    names, reasons = read(body.replace(b"XX", b"\xff\xfe"))
    assert names == ["one"]
    assert "UTF-8" in next(iter(reasons))


def test_a_key_that_stands_twice_loses_nothing() -> None:
    one, two, three = (json.dumps(json_span(name=name)) for name in ("one", "two", "three"))
    body = (
        f'{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{one}], "spans": [{two}]}}]}}],'
        f' "resourceSpans": [{{"scopeSpans": [{{"spans": [{three}]}}]}}]}}'
    )
    assert read(body.encode()) == (["one", "two", "three"], {})


def test_both_spellings_count() -> None:
    body = {
        "resource_spans": [{"scope_spans": [{"spans": [json_span(name="one")]}]}],
        **document(json_span(name="two")),
    }
    assert sorted(read(json.dumps(body).encode())[0]) == ["one", "two"]


def test_a_bad_resource_costs_its_own_spans() -> None:
    body = document(json_span(name="lost"), json_span(name="lost too"))
    body["resourceSpans"][0]["resource"] = {"attributes": 7}
    body["resourceSpans"].append(document(json_span(name="kept"))["resourceSpans"][0])
    names, reasons = read(json.dumps(body).encode())
    assert names == ["kept"]
    assert list(reasons.values()) == [2]
    assert "resource" in next(iter(reasons))


def test_the_answer_stays_short() -> None:
    spans = [json_span(startTimeUnixNano=str(-n - 1)) for n in range(1000)]
    names, reasons = read(json.dumps(document(json_span(), *spans)).encode())
    assert names == ["good"]
    assert sum(reasons.values()) == 1000
    assert len(reasons) < 30


def test_the_reason_names_the_first_span() -> None:
    _, reasons = read(json.dumps(document(json_span(), json_span(name="\ud800"))).encode())
    reason = next(iter(reasons))
    assert HEX in reason
    assert "00f067aa0ba902b7" in reason


@pytest.mark.parametrize("place", ["name", "attribute", "event", "status"])
def test_one_bad_text_of_protobuf(place: str) -> None:
    bad = span(trace_id(), name="XX" if place == "name" else "bad")
    if place == "attribute":
        bad.attributes.append(key_value("a", "XX"))
    elif place == "event":
        bad.events.add(name="XX")
    else:
        bad.status.message = "XX"
    good = [span(trace_id(), name=name) for name in ("one", "two")]
    body = request(good[0], bad, good[1]).SerializeToString().replace(b"XX", b"\xff\xfe")
    names, reasons = read(body, "protobuf")
    assert names == ["one", "two"]
    reason = next(iter(reasons))
    assert "UTF-8" in reason
    assert bad.span_id.hex() in reason


def test_a_bad_text_in_a_resource_of_protobuf() -> None:
    message = request(span(trace_id(), name="lost"), service="XX")
    message.MergeFrom(request(span(trace_id(), name="kept")))
    names, reasons = read(message.SerializeToString().replace(b"XX", b"\xff\xfe"), "protobuf")
    assert names == ["kept"]
    assert "resource" in next(iter(reasons))


def test_broken_framing_within_a_span_costs_that_span() -> None:
    bad = span(trace_id(), name="XXXX")
    body = request(span(trace_id(), name="one"), bad).SerializeToString()
    # The length of the name, past the end of the span.
    names, reasons = read(body.replace(b"\x2a\x04XXXX", b"\x2a\x7fXXXX"), "protobuf")
    assert names == ["one"]
    assert list(reasons.values()) == [1]


def test_a_body_that_is_cut_is_refused_as_a_whole() -> None:
    body = request(*(span(trace_id()) for _ in range(10))).SerializeToString()
    for encoding, cut in (("protobuf", body[:-3]), ("json", b'{"resourceSpans": [{')):
        with pytest.raises(Refused) as refused:
            read(cut, encoding)  # type: ignore[arg-type]
        assert refused.value.refusal.status == 400


def test_large_bodies_come_in_pieces_and_whole() -> None:
    spans = [span(trace_id(), name=str(n), attributes={"a": "x" * 9000}) for n in range(2000)]
    message = request(*spans)
    rejected = Rejected()
    pieces = list(trace_requests(message.SerializeToString(), "protobuf", rejected))
    assert len(pieces) > 3
    names = [s.name for p in pieces for s in p.resource_spans[0].scope_spans[0].spans]
    assert names == [str(n) for n in range(2000)]
    assert all(p.resource_spans[0].resource == message.resource_spans[0].resource for p in pieces)
    assert all(p.resource_spans[0].scope_spans[0].scope.name == "tests" for p in pieces)


def test_a_span_of_too_many_parts_is_refused() -> None:
    message = request(span(trace_id(), name="one"), span(trace_id(), name="two"))
    message.resource_spans[0].scope_spans[0].spans[1].MergeFromString(b"\x5a\x00" * (3 << 20))
    names, reasons = read(message.SerializeToString(), "protobuf")
    assert names == ["one"]
    assert "attributes, events and links" in next(iter(reasons))


def test_logs_lose_only_the_bad_one() -> None:
    record = {"traceId": HEX, "spanId": "00f067aa0ba902b7", "eventName": "good"}
    body = {
        "resourceLogs": [
            {"scopeLogs": [{"logRecords": [record, {**record, "eventName": "\ud800"}, record]}]}
        ]
    }
    rejected = Rejected()
    found = list(log_requests(json.dumps(body).encode(), "json", rejected))
    assert len(found[0].resource_logs[0].scope_logs[0].log_records) == 2
    assert "surrogate" in next(iter(rejected.reasons()))
    logs = ExportLogsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for text in ("one", "XX", "two"):
        records.add().body.string_value = text
    rejected = Rejected()
    bytes_ = logs.SerializeToString().replace(b"XX", b"\xff\xfe")
    found = list(log_requests(bytes_, "protobuf", rejected))
    assert len(found[0].resource_logs[0].scope_logs[0].log_records) == 2
    assert list(rejected.reasons().values()) == [1]


def test_over_http_the_rest_is_stored(up: Up) -> None:
    trace = trace_id()
    ids = {"traceId": trace.hex()}
    body = document(
        json_span(**ids, name="one"),
        json_span(**ids, name="\ud800", spanId="00f067aa0ba902b8"),
        json_span(**ids, name="two", spanId="00f067aa0ba902b9"),
    )
    answer = up.post("/v1/traces", json.dumps(body).encode(), "application/json")
    assert answer.status == 200
    success = json.loads(answer.body)["partialSuccess"]
    assert success["rejectedSpans"] == "1"
    assert "00f067aa0ba902b8" in success["errorMessage"]
    assert sorted(row["name"] for row in up.spans(trace.hex())) == ["one", "two"]


def test_protobuf_over_http_the_rest_is_stored(up: Up) -> None:
    trace = trace_id()
    message = request(span(trace, name="one"), span(trace, name="XX"), span(trace, name="two"))
    answer = up.post("/v1/traces", message.SerializeToString().replace(b"XX", b"\xff\xfe"))
    count, reason = partial(answer)
    assert count == 1
    assert "UTF-8" in reason
    assert sorted(row["name"] for row in up.spans(trace.hex())) == ["one", "two"]


def test_logs_over_http_say_what_was_left_out(up: Up) -> None:
    logs = ExportLogsServiceRequest()
    records = logs.resource_logs.add().scope_logs.add().log_records
    for text in ("one", "XX"):
        records.add().body.string_value = text
    answer = up.post("/v1/logs", logs.SerializeToString().replace(b"XX", b"\xff\xfe"))
    success = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert success.rejected_log_records == 2
    assert "1 rejected: the log record can't be read: a text in it is not UTF-8" in (
        success.error_message
    )
    assert "1 rejected: log records are not stored" in success.error_message
