"""Who may send: the same over HTTP and gRPC."""

from __future__ import annotations

from ingest.settings import IngestSettings
from service.caller import Gate


def gate(settings: IngestSettings) -> Gate:
    """Asks for EVERYSPAN_INGEST_TOKEN."""
    return Gate(
        "ingest",
        "EVERYSPAN_INGEST_TOKEN",
        settings.ingest_token,
        settings.host_names,
        how=" (OTEL_EXPORTER_OTLP_HEADERS in an agent)",
    )
