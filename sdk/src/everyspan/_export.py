"""Where the spans go: the OTLP/HTTP exporter's address, its token, and a count of what was sent."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

DEFAULT_ENDPOINT = "http://127.0.0.1:4318"


@dataclass(frozen=True)
class ExportCounts:
    """Spans of this process that the server acknowledged, and those it did not."""

    sent: int
    failed: int


class CountingExporter(OTLPSpanExporter):
    """The OTLP exporter, counting what was acknowledged."""

    sent = 0
    failed = 0
    _counting = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        with self._counting:
            if result is SpanExportResult.SUCCESS:
                self.sent += len(spans)
            else:
                self.failed += len(spans)
        return result


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


def headers(token: str | None, environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """The bearer token's header; None lets the exporter read OTEL_EXPORTER_OTLP_HEADERS."""
    token = token or environ.get("EVERYSPAN_INGEST_TOKEN")
    return {"authorization": f"Bearer {token}"} if token else None
