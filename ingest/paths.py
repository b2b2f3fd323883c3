"""Where senders post: OTLP's own paths, and those of the tools that people come from.

An exporter of Langfuse, LangSmith, Opik or Braintrust has its path built in; with our address and
token in place of theirs it works as it is.
"""

from __future__ import annotations

from ingest.otlp import Signal

#: What stands before ``/v1/traces``, and whose it is.
PREFIXES = {
    "": "OTLP; Phoenix, Arize, MLflow, Traceloop",
    "/api/public/otel": "Langfuse",
    "/otel": "LangSmith, Braintrust",
    "/api/v1/private/otel": "Opik",
    "/opik/api/v1/private/otel": "Opik",
    "/api/otel": "LangWatch",
}
_SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")

#: Path to signal; each also with a slash at its end, as base addresses with one make it.
SIGNAL_OF: dict[str, Signal] = {
    f"{prefix}/v1/{signal}{slash}": signal
    for prefix in PREFIXES
    for signal in _SIGNALS
    for slash in ("", "/")
}


def hint(path: str) -> str:
    """What a sender that posts elsewhere should do."""
    return (
        f"nothing is received at {path[:120]}; OTLP/HTTP goes to /v1/traces and /v1/logs: set"
        " OTEL_EXPORTER_OTLP_ENDPOINT to http://HOST:4318, without a path"
    )
