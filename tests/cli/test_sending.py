"""What doctor says of an agent's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.sending import troubles
from ingest.settings import IngestSettings

ENDPOINT, TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
CERTIFICATES = Path(__file__).parents[1] / "service" / "certificates"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"


def told(environment: dict[str, str], token: str = "") -> list[tuple[str, str]]:
    return [*troubles(environment, IngestSettings(ingest_token=token))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "remedy"),
    [
        ({ENDPOINT: "http://h:4317", PROTOCOL: "http/protobuf"}, f"{ENDPOINT}=http://h:4318"),
        ({ENDPOINT: "http://h:4317", PROTOCOL: "http/json"}, f"{PROTOCOL}=grpc"),
        ({ENDPOINT: "http://h:4318", PROTOCOL: "grpc"}, f"{ENDPOINT}=http://h:4317"),
        ({ENDPOINT: "h:4318", PROTOCOL: "grpc"}, f"{PROTOCOL}=http/protobuf"),
        ({TRACES: "http://h:4317", PROTOCOL: "http/protobuf"}, f"{TRACES}=http://h:4318"),
        ({ENDPOINT: "http://h:4318/v1/traces"}, f"{ENDPOINT}=http://h:4318"),
        ({TRACES: "http://h:4318"}, f"{TRACES}=http://h:4318/v1/traces"),
        ({ENDPOINT: "http://[::1]:4318", PROTOCOL: "grpc"}, f"{ENDPOINT}=http://[::1]:4317"),
        ({ENDPOINT: "http://h:four"}, f"set it to {'http://127.0.0.1:4318'}"),
        ({ENDPOINT: "http://h:99999"}, "set it to http://127.0.0.1:4318"),
        ({ENDPOINT: "http://[::1"}, "set it to http://127.0.0.1:4318"),
        ({TRACES: "http://h℀:4318"}, "set it to http://127.0.0.1:4318"),
    ],
)
def test_the_remedy_is_named(environment: dict[str, str], remedy: str) -> None:
    ((_, said),) = told(environment)
    assert remedy in said


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {ENDPOINT: "http://h:4318", PROTOCOL: "http/protobuf"},
        {ENDPOINT: "http://h:4317", PROTOCOL: "grpc"},
        {ENDPOINT: "http://h:4318"},
        {TRACES: "http://h:4318/v1/traces", PROTOCOL: "http/json"},
        {ENDPOINT: "http://collector:9999", PROTOCOL: "grpc"},
    ],
)
def test_nothing_is_said_of_what_works(environment: dict[str, str]) -> None:
    assert told(environment) == []


def test_a_token_that_is_not_sent() -> None:
    environment = {ENDPOINT: "http://h:4318"}
    assert "OTEL_EXPORTER_OTLP_HEADERS" in told(environment, "secret")[0][1]
    environment["OTEL_EXPORTER_OTLP_HEADERS"] = "Authorization=Bearer%20secret"
    assert told(environment, "secret") == []


def test_an_address_without_tls_where_there_is_a_certificate() -> None:
    ingest = IngestSettings(
        tls_certificate=CERTIFICATES / "first.crt", tls_key=CERTIFICATES / "first.key"
    )
    for path, name in (("", ENDPOINT), ("/v1/traces", TRACES)):
        ((said, remedy),) = troubles({name: f"http://h:4318{path}"}, ingest)
        assert "every span is lost" in said
        assert remedy == f"set {name}=https://h:4318{path}"
    assert [*troubles({ENDPOINT: "https://h:4318"}, ingest)] == []
    ((_, remedy),) = told({ENDPOINT: "https://h:4318"})
    assert remedy == f"set {ENDPOINT}=http://h:4318"
    assert told({ENDPOINT: "https://proxy.example"}) == []
