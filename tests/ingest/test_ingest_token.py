"""With a token set, who lacks it is told so, over HTTP and gRPC alike."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.everyspan_up import Up, running
from tests.ingest.otlp_payloads import request, span, trace_id
from tests.ingest.test_otlp_http import refusal


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("token") / "data", ingest_token="s3cret") as found:
        yield found


def test_over_http_it_is_401(stack: Up) -> None:
    trace = trace_id()
    body = request(span(trace)).SerializeToString()
    for given in ("", "Bearer wrong", "Basic s3cret", "Bearer s3crét"):
        answer = stack.post("/v1/traces", body, authorization=given.encode().decode("latin-1"))
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "EVERYSPAN_INGEST_TOKEN" in refusal(answer).message
    assert stack.spans(trace.hex()) == []
    assert stack.post("/v1/traces", body, authorization="Bearer s3cret").status == 200
    assert len(stack.spans(trace.hex())) == 1


def test_over_grpc_it_is_unauthenticated(stack: Up) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{stack.ports['otlp-grpc']}") as channel:
        export = TraceServiceStub(channel).Export
        with pytest.raises(grpc.RpcError) as error:
            export(request(span(trace_id())))
        assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED
        export(request(span(trace_id())), metadata=[("authorization", "Bearer s3cret")])
