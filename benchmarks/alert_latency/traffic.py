"""Agents with OpenTelemetry's batch processor as it is, on ports that a Grafana knows."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from random import Random

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from tests.everyspan_up import Up, free_ports


class Exporter(OTLPSpanExporter):
    """Remembers when ingest said that it has the batch."""

    acknowledged: float = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self.acknowledged = time.time()
        return result


def agent(service: str, up: Up) -> tuple[TracerProvider, Exporter]:
    """An agent's OpenTelemetry with its default batches."""
    exporter = Exporter(endpoint=f"http://127.0.0.1:{up.ports['otlp-http']}/v1/traces")
    resource = Resource(
        {"service.name": service, "deployment.environment.name": "production"},
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, exporter


def turn(provider: TracerProvider, rng: Random, said: str, error: str = "") -> float:
    """A trace of an agent, a tool and a model call. Returns when it ended."""
    tracer = provider.get_tracer("benchmark")
    question = f"Where is my order number {rng.randint(1, 10**9)} and when will it come?"
    with tracer.start_as_current_span(
        "support", attributes={"gen_ai.operation.name": "invoke_agent", "input.value": question}
    ):
        with tracer.start_as_current_span(
            "execute_tool get_order",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "get_order",
                "gen_ai.tool.call.arguments": json.dumps({"order": rng.randint(1, 10**9)}),
            },
        ) as tool:
            if error:
                tool.set_status(Status(StatusCode.ERROR, error))
            else:
                result = json.dumps({"state": "shipped", "parcel": rng.randint(1, 10**9)})
                tool.set_attribute("gen_ai.tool.call.result", result)
        with tracer.start_as_current_span(
            "chat gpt-4.1-mini",
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "gpt-4.1-mini",
                "gen_ai.input.messages": _messages("user", question),
                "gen_ai.output.messages": _messages("assistant", said),
            },
        ):
            pass
    return time.time()


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def healthy(up: Up, per_second: float, stop: threading.Event) -> None:
    """A stream of traces in which nothing fails."""
    provider, _ = agent("healthy", up)
    rng = Random(1)
    while not stop.wait(1 / per_second):
        turn(provider, rng, "Your order has shipped and is on its way.")
    provider.shutdown()


def ports_of(named: str) -> dict[str, int]:
    """Free ones, but for those that ``named`` ('clickhouse=8123,alerting=8085') says."""
    ports = free_ports()
    for each in filter(None, named.split(",")):
        name, _, port = each.partition("=")
        ports[name] = int(port)
    return ports
