"""Where the spans go: the OTLP/HTTP exporter's address, its token, and a count of what was sent."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from everyspan._closing import Closer
from everyspan._delivery import unheard
from everyspan._masking import Masking

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"


@dataclass(frozen=True)
class ExportCounts:
    """Spans of this process that the server acknowledged, and those it did not."""

    sent: int
    failed: int


class CountingExporter(OTLPSpanExporter):
    """The OTLP exporter, counting what was acknowledged. `masking`: before anything is sent."""

    sent = 0
    failed = 0
    masking: Masking | None = None
    _counting = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.masking is not None:
            spans = [self.masking.span(span) for span in spans]
        with unheard():
            result = super().export(spans)
        with self._counting:
            if result is SpanExportResult.SUCCESS:
                self.sent += len(spans)
            else:
                self.failed += len(spans)
        return result


class LogExporter(OTLPLogExporter):
    """The OTLP exporter of log records, which leaves the telling to `Delivery`."""

    masking: Masking | None = None

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        if self.masking is not None:
            batch = [self.masking.record(record) for record in batch]
        with unheard():
            return super().export(batch)


#: How long a flush may take that does not say, as OpenTelemetry has it.
_FLUSH_MILLISECONDS = 30_000


class SpanProcessor(BatchSpanProcessor):
    """Sends spans in batches; whoever flushes it or ends it waits only so long."""

    def __init__(self, exporter: CountingExporter, closer: Closer) -> None:
        super().__init__(exporter)
        self._closer = closer
        #: Whether any span was started in this process.
        self.any_span = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.any_span = True

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        return self._closer.within(timeout_millis or _FLUSH_MILLISECONDS, super().force_flush)

    def flush_at_exit(self) -> bool:
        return self._closer.at_exit(super().force_flush)

    def shutdown(self) -> None:
        self._closer.at_exit(super().shutdown)


class LogProcessor(BatchLogRecordProcessor):
    """The same for log records."""

    def __init__(self, exporter: LogExporter, closer: Closer) -> None:
        super().__init__(exporter)
        self._closer = closer

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        return self._closer.within(timeout_millis or _FLUSH_MILLISECONDS, super().force_flush)

    def flush_at_exit(self) -> bool:
        return self._closer.at_exit(super().force_flush)

    def shutdown(self) -> None:
        self._closer.at_exit(super().shutdown)


def signal_endpoint(
    endpoint: str | None, signal: str, environ: Mapping[str, str] = os.environ
) -> str | None:
    """The URL for `signal` ('traces' or 'logs'); None where its own variable names it whole.

    Raises ValueError when the endpoint is no http(s) URL. See the OTLP exporter specification,
    "Endpoint URLs for OTLP/HTTP": the general endpoint is a base, the signal's own is used as is.
    """
    if endpoint is None and environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"):
        return None
    base = endpoint or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        source = "endpoint" if endpoint else "OTEL_EXPORTER_OTLP_ENDPOINT"
        raise ValueError(
            f"everyspan.init: {source} {base!r} is no URL; "
            f"give the base address of OTLP/HTTP, such as {DEFAULT_ENDPOINT}"
        )
    return f"{base.rstrip('/')}/v1/{signal}"


def shown(traces_url: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """`signal_endpoint`'s URL of traces, or the one that their own variable names."""
    return traces_url or environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]


def headers(token: str | None, environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """The bearer token's header; None lets the exporter read OTEL_EXPORTER_OTLP_HEADERS."""
    token = token or environ.get("EVERYSPAN_INGEST_TOKEN")
    return {"authorization": f"Bearer {token}"} if token else None
