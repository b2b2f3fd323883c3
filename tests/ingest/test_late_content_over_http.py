"""GenAI content that comes as log records lands on its span, whichever comes first."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import key_value, request, span, trace_id


def event(target: Span, name: str, **body: str) -> ExportLogsServiceRequest:
    """A log record of the older event form on a span."""
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add()
    record.time_unix_nano = target.start_time_unix_nano + 1000
    record.trace_id = target.trace_id
    record.span_id = target.span_id
    record.event_name = name
    record.body.CopyFrom(
        AnyValue(kvlist_value=KeyValueList(values=[key_value(k, v) for k, v in body.items()]))
    )
    return message


@pytest.mark.parametrize("order", ["span first", "logs first", "after judging"])
def test_content_lands_on_its_span(up: Up, order: str) -> None:
    trace = trace_id()
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.system": "openai"}
    target = span(trace, name="chat", attributes=attributes)
    question = event(target, "gen_ai.user.message", content="Where is my parcel?")
    spans = lambda: up.post("/v1/traces", request(target).SerializeToString())  # noqa: E731
    logs = lambda: up.post("/v1/logs", question.SerializeToString())  # noqa: E731
    if order == "logs first":
        assert logs().status == 200
        time.sleep(0.3)
        assert spans().status == 200
    else:
        assert spans().status == 200
        if order == "after judging":
            up.judged([trace.hex()])
        assert logs().status == 200
    # Sent twice, as a retry does.
    assert logs().status == 200
    deadline = time.monotonic() + 30
    while True:
        (row,) = up.spans(trace.hex(), "input, input_messages, events, verdict_version")
        if row["input"] and row["verdict_version"]:
            break
        assert time.monotonic() < deadline, row
        time.sleep(0.2)
    assert row["input"] == "Where is my parcel?"
    assert row["events"].count("gen_ai.user.message") == 1


def test_what_was_not_understood_is_counted_and_kept(up: Up) -> None:
    trace = trace_id()
    target = span(
        trace, attributes={"gen_ai.future.attribute": "x", "gen_ai.operation.name": "chat"}
    )
    up.post("/v1/traces", request(target).SerializeToString())
    (row,) = up.spans(trace.hex(), "attributes")
    assert row["attributes"]["gen_ai.future.attribute"] == "x"
    metrics = up.request("GET", "/metrics").body.decode()
    assert 'not_understood_total{attribute="gen_ai.future.attribute",scope="tests"}' in metrics
