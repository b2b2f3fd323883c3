"""OTLP/gRPC over a real socket, with the protocol's own stubs."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.everyspan_up import Up
from tests.ingest.otlp_payloads import request, span, trace_id


@pytest.fixture(scope="module")
def channel(up: Up) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{up.ports['otlp-grpc']}") as channel:
        yield channel


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_spans_are_stored(up: Up, channel: grpc.Channel, compression: grpc.Compression) -> None:
    trace = trace_id()
    answer = TraceServiceStub(channel).Export(
        request(span(trace), span(trace)), compression=compression
    )
    assert not answer.HasField("partial_success")
    up.sent()
    assert len(up.spans(trace.hex(), "span_id")) == 2


def test_partial_success(up: Up, channel: grpc.Channel) -> None:
    trace = trace_id()
    answer = TraceServiceStub(channel).Export(request(span(trace), span(b"short")))
    assert answer.partial_success.rejected_spans == 1
    assert "trace_id" in answer.partial_success.error_message
    up.sent()
    assert len(up.spans(trace.hex(), "span_id")) == 1


def test_logs_and_metrics_are_taken(channel: grpc.Channel) -> None:
    LogsServiceStub(channel).Export(ExportLogsServiceRequest())
    MetricsServiceStub(channel).Export(ExportMetricsServiceRequest())


def test_malformed_is_invalid_argument(channel: grpc.Channel) -> None:
    export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    with pytest.raises(grpc.RpcError) as error:
        export(b"\xff\xff\xff")
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "protobuf" in error.value.details()


def test_storage_away_is_unavailable_with_retry_info(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    from tests.ingest.test_storage_away import ingest_without_clickhouse

    with (
        ingest_without_clickhouse(tmp_path_factory.mktemp("away")) as ports,
        grpc.insecure_channel(f"127.0.0.1:{ports['otlp-grpc']}") as channel,
    ):
        with pytest.raises(grpc.RpcError) as error:
            TraceServiceStub(channel).Export(request(span(trace_id())))
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE
        details = dict(error.value.trailing_metadata())["grpc-status-details-bin"]
        info = RetryInfo()
        assert Status.FromString(details).details[0].Unpack(info)
        assert info.retry_delay.seconds >= 1
