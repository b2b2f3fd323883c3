"""Providers and OTLP exporters that every agent here shares: plain OpenTelemetry, no extras.

Reads the exporters' own environment: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_COMPRESSION,
and OTEL_EXPORTER_OTLP_PROTOCOL (``http/protobuf`` or ``http/json``).
"""

from __future__ import annotations

import atexit
import os
from typing import Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def exporters() -> tuple[Any, Any]:
    """A span exporter and a log exporter of the protocol asked for."""
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "http/json":
        from opentelemetry.exporter.otlp.json.http._log_exporter import (
            OTLPLogExporter as JsonLogs,
        )
        from opentelemetry.exporter.otlp.json.http.trace_exporter import (
            OTLPSpanExporter as JsonSpans,
        )

        return JsonSpans(), JsonLogs()
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(), OTLPLogExporter()


def configure() -> tuple[TracerProvider, LoggerProvider]:
    """Set the global providers; both are flushed when the agent ends."""
    spans, logs = exporters()
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(spans))
    logger_provider = LoggerProvider()
    logger_provider.add_log_record_processor(BatchLogRecordProcessor(logs))
    trace.set_tracer_provider(tracer_provider)
    _logs.set_logger_provider(logger_provider)
    metrics.set_meter_provider(MeterProvider())
    atexit.register(logger_provider.shutdown)
    return tracer_provider, logger_provider


QUESTION = "What is the weather in Paris?"
SYSTEM = "You answer questions about the weather."
DOCUMENTS = (
    "Refunds are paid within 14 days of the return.",
    "Parcels are sent from Rotterdam on working days.",
    "Gift cards cannot be refunded.",
)


def weather(city: str) -> dict[str, Any]:
    """The tool's answer; ``Atlantis`` has no weather and raises ValueError."""
    if city == "Atlantis":
        raise ValueError("weather service: unknown city 'Atlantis'")
    return {"city": city, "temperature_c": 18, "sky": "sunny"}
