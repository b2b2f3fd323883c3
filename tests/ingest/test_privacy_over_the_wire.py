"""Personal details and secrets through every door of a real house: none of them is stored."""

from __future__ import annotations

import base64
import gzip
import json
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from everyspan.masking.pseudonyms import KINDS
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.everyspan_up import Up, running
from tests.ingest import personal
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.ingest.spans import set_value

#: Of a trace.
_STEPS = 100


@pytest.mark.parametrize("each", [3, pytest.param(500, marks=pytest.mark.slow)])
def test_nothing_is_stored_of_what_is_taken_out(tmp_path: Path, each: int) -> None:
    rules = tmp_path / "privacy.toml"
    rules.write_text(
        f'mask = {json.dumps(KINDS)}\n[fields]\nuser_id = "hash"\n'
        "[projects.health.patterns]\nchart = 'CH-\\d{6}'\n"
    )
    details = personal.values(each, each)
    users = [f"user-{n:05}" for n in range(5)]
    with running(
        tmp_path / "data", privacy_file=str(rules), privacy_key="a key of this test"
    ) as house:
        traces = [
            _send(house, door, details[door::5][at : at + _STEPS], users[door])
            for door in range(5)
            for at in range(0, len(details[door::5]), _STEPS)
        ]
        house.judged(traces, timeout=60 + each / 5)
        (counted,) = house.query(
            "SELECT count() AS spans, uniqExact(user_id) AS users, countIf(attributes"
            "['everyspan.masked'] != '') AS masked, countIf(data_leakage = 'fail') AS leaks"
            " FROM everyspan.spans WHERE parent_span_id != ''"
        )
        assert int(counted["spans"]) == int(counted["masked"]) == len(details)
        assert int(counted["users"]) == len(users)
        # What was taken out of an answer leaked all the same.
        assert int(counted["leaks"]) > len(details) / 2
        metrics = house.request("GET", "/metrics").body.decode()
        assert 'everyspan_ingest_masked_total{kind="secret"}' in metrics
        tables = house.query(
            "SELECT name FROM system.tables WHERE database = 'everyspan' AND engine LIKE '%Tree'"
        )
        kept = "".join(_all_of(house, str(table["name"])) for table in tables)
        assert kept.count("The customer's data: ") >= len(details)
        _own_rules(house)
        log = house.log()
    files = b"".join(
        path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()
    ).decode("latin-1")
    wanted = [part for _, value, _ in details for part in personal.tell_tale(value)] + users
    assert not [each for each in wanted if each in kept or each in log or each in files]


class _As:
    """The house, as whoever has a key sends to it."""

    def __init__(self, house: Up, key: str) -> None:
        self.house, self.ports, self.sent = house, house.ports, house.sent
        self.headers = {"authorization": f"Bearer {key}"} if key else {}

    def post(self, path: str, body: bytes, *given: str, **headers: Any) -> Any:
        return self.house.post(path, body, *given, **(headers | self.headers))


def _own_rules(house: Up) -> None:
    """A project's rules hold for what comes with its key, at every door, and for nothing else."""
    body = json.dumps({"project": "health", "scopes": ["write"]}).encode()
    answer = house.request(
        "POST", "/v1/keys", body, {"content-type": "application/json"}, port="classify"
    )
    key = json.loads(answer.body)["key"]
    health = _As(house, key)
    end = time.monotonic() + 60
    while health.post("/v1/metrics", b"{}", "application/json").status != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    chart = [("chart", "CH-123456", "the chart CH-123456 of today")]
    for door in range(len(_DOORS)):
        for sender in (health, _As(house, "")):
            _send(sender, door, chart, "somebody")
    house.until_visible()
    for table, column in (("spans_raw", "output"), ("span_content", "attributes")):
        (found,) = house.query(
            f"SELECT countIf(project = 'health' AND {column} LIKE '%[chart:%') AS masked,"
            f" countIf(project = 'health' AND {column} LIKE '%CH-%') AS left,"
            f" countIf(project = '' AND {column} LIKE '%CH-123456%') AS others"
            f" FROM everyspan.{table} FINAL"
        )
        said = (table, found)
        assert int(found["left"]) == 0, said
        assert int(found["masked"]) == int(found["others"]) == len(_DOORS), said


def _all_of(house: Up, table: str) -> str:
    house.until_visible()
    sql = f"SELECT * FROM everyspan.{table} FORMAT TSVRaw".encode()
    answer = house.request("POST", "/", sql, port="clickhouse")
    assert answer.status == 200, answer.body
    # Vectors are bytes.
    return answer.body.decode("utf-8", "replace")


def _send(house: Up | _As, door: int, details: list[tuple[str, str, str]], user: str) -> str:
    """One trace with a step for each, by one of the ways in: its id."""
    trace = trace_id()
    root = span(trace, name="root", attributes={"user.id": user})
    steps = [
        span(
            trace,
            name=said,
            parent_span_id=root.span_id,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.input.messages": _messages("user", f"What do you know of {user}?"),
                "gen_ai.output.messages": _messages("assistant", f"The customer's data: {said}"),
                "user.id": user,
                "note": said,
            },
        )
        for _, _, said in details
    ]
    message = request(root, *steps)
    records = ExportLogsServiceRequest()
    for step, (_, _, said) in zip(steps, details, strict=True):
        record = records.resource_logs.add().scope_logs.add().log_records.add()
        record.time_unix_nano = step.start_time_unix_nano
        record.trace_id, record.span_id = trace, step.span_id
        record.event_name = "gen_ai.assistant.message"
        set_value(record.body, {"content": said})
    _DOORS[door](house, message, records)
    return trace.hex()


def _messages(role: str, said: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": said}]}])


def _protobuf(house: Any, traces: Any, logs: Any) -> None:
    assert house.post("/v1/traces", traces.SerializeToString()).status == 200
    assert house.post("/v1/logs", logs.SerializeToString()).status == 200


def _json(house: Any, traces: Any, logs: Any) -> None:
    for path, message in (("/v1/traces", traces), ("/v1/logs", logs)):
        body = json_format.MessageToDict(message)
        for group in body.get("resourceSpans", []) + body.get("resourceLogs", []):
            for scope in group.get("scopeSpans", []) + group.get("scopeLogs", []):
                for item in scope.get("spans", []) + scope.get("logRecords", []):
                    _hex_ids(item)
        text = gzip.compress(json.dumps(body).encode())
        answer = house.post(path, text, "application/json", content_encoding="gzip")
        assert answer.status == 200, answer.body


def _hex_ids(item: dict[str, Any]) -> None:
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in item:
            item[name] = base64.b64decode(item[name]).hex()


def _late(house: Any, traces: Any, logs: Any) -> None:
    """What was said comes before its spans."""
    assert house.post("/v1/logs", logs.SerializeToString()).status == 200
    assert house.post("/v1/traces", traces.SerializeToString()).status == 200


def _grpc(house: Any, traces: ExportTraceServiceRequest, logs: ExportLogsServiceRequest) -> None:
    shown = tuple(getattr(house, "headers", {}).items())
    with grpc.insecure_channel(f"127.0.0.1:{house.ports['otlp-grpc']}") as channel:
        TraceServiceStub(channel).Export(traces, metadata=shown)
        LogsServiceStub(channel).Export(logs, metadata=shown)
    house.sent()


def _in_another_way(house: Any, traces: Any, logs: Any) -> None:
    """The address that Langfuse's SDKs know."""
    assert house.post("/api/public/otel/v1/traces", traces.SerializeToString()).status == 200
    assert house.post("/v1/logs", logs.SerializeToString()).status == 200


_DOORS = (_protobuf, _json, _late, _grpc, _in_another_way)
