"""Where the agent's own environment sends to, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from ingest.settings import IngestSettings

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
#: (what is so, what to do)
Trouble = tuple[str, str]


def troubles(environment: Mapping[str, str], ingest: IngestSettings) -> Iterator[Trouble]:
    """Of OTEL_EXPORTER_OTLP_*, as SDKs read them. Nothing is asked over the network.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    name = _TRACES if environment.get(_TRACES) else _ENDPOINT
    endpoint = environment.get(name, "").strip()
    if not endpoint:
        return
    protocol = (
        environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or ""
    )
    grpc, http, scheme = ingest.otlp_grpc_port, ingest.otlp_http_port, ingest.scheme
    try:
        address = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        port = address.port
    except ValueError as error:
        yield f"{name}={endpoint} is no address: {error}", f"set it to {scheme}://127.0.0.1:{http}"
        return
    host = address.hostname or "127.0.0.1"
    if ":" in host:
        host = f"[{host}]"
    if port in (grpc, http) and address.scheme in ("http", "https") and address.scheme != scheme:
        has = "has a certificate" if scheme == "https" else "has no certificate"
        yield (
            f"{name} begins with {address.scheme}://, and the service {has}: every span is lost",
            f"set {name}={scheme}://{host}:{port}{address.path}",
        )
    elif port == grpc and protocol.startswith("http"):
        yield (
            f"{protocol} goes to {grpc}, which is the port for gRPC: every span is lost",
            f"set {name}={scheme}://{host}:{http}, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
        )
    elif port == http and protocol == "grpc":
        yield (
            f"gRPC goes to {http}, which is the port for HTTP: every span is lost",
            f"set {name}={scheme}://{host}:{grpc}, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        )
    elif port == http and name == _ENDPOINT and address.path.endswith("/v1/traces"):
        yield (
            f"{_ENDPOINT} ends with /v1/traces, which SDKs add themselves",
            f"set {_ENDPOINT}={scheme}://{host}:{http}",
        )
    elif port == http and name == _TRACES and not address.path.strip("/"):
        yield (
            f"{_TRACES} is used as it stands, and has no path",
            f"set {_TRACES}={scheme}://{host}:{http}/v1/traces, or {_ENDPOINT} without a path",
        )
    headers = environment.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environment.get(
        "OTEL_EXPORTER_OTLP_HEADERS", ""
    )
    if ingest.ingest_token.get_secret_value() and "authorization" not in headers.lower():
        yield (
            "the service wants a token, and OTEL_EXPORTER_OTLP_HEADERS has none",
            "set OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN with"
            " EVERYSPAN_INGEST_TOKEN's value",
        )
