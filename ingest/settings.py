"""Settings of the ingest service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from clickhouse.settings import ClickHouseSettings
from service.settings import ListenSettings


class IngestSettings(ClickHouseSettings, ListenSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    otlp_http_port: Annotated[int, Field(ge=0, le=65535, description="OTLP/HTTP port.")] = 4318
    otlp_grpc_port: Annotated[
        int, Field(ge=0, le=65535, description="OTLP/gRPC port; 0 turns gRPC off.")
    ] = 4317
    ingest_token: Annotated[
        SecretStr,
        Field(
            description="Bearer token that senders must present; empty: only programs on the same "
            "machine."
        ),
    ] = SecretStr("")
    privacy_file: Annotated[
        str,
        Field(
            description="TOML file that says what is taken out of spans and log records before "
            "they are stored; docs/privacy.md. Empty: nothing."
        ),
    ] = ""
    privacy_key: Annotated[
        SecretStr,
        Field(
            description="Key of the marks that stand for what is taken out: one value has one "
            "mark. Keep it, and keep it the same; empty: marks say the kind alone."
        ),
    ] = SecretStr("")
    cors_origins: Annotated[
        str,
        Field(
            description="Sites whose pages may send spans from a browser, as "
            "`https://app.example.org`, with commas; `*` for all, empty for none."
        ),
    ] = ""
    ingest_workers: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="Processes that decode and normalise; 0 does it in the service's own.",
        ),
    ] = max(1, (os.cpu_count() or 2) // 2)
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="Largest request body as sent, in bytes.")
    ] = 64 << 20
    max_decompressed_bytes: Annotated[
        int, Field(ge=1024, description="Largest request body once decompressed, in bytes.")
    ] = 256 << 20
    max_attribute_bytes: Annotated[
        int,
        Field(ge=256, description="Longest attribute or text; the rest is cut off with a mark."),
    ] = 256 << 10
    insert_rows: Annotated[int, Field(ge=1, description="Rows that make an insert due.")] = 10_000
    insert_bytes: Annotated[int, Field(ge=1024, description="Bytes that make an insert due.")] = (
        16 << 20
    )
    insert_age_ms: Annotated[
        int, Field(ge=1, le=60_000, description="Milliseconds after which an insert is due.")
    ] = 100
    insert_timeout_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="A request whose rows are not stored by then is answered 503; the sender "
            "tries again.",
        ),
    ] = 9.0
    max_pending_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="Bytes held, from the first of a body until its rows are stored, over "
            "which senders get 429.",
        ),
    ] = 512 << 20
    max_connections: Annotated[
        int,
        Field(
            ge=1,
            le=16_000,
            description="Connections to the OTLP/HTTP port, and calls of OTLP/gRPC, at a time; "
            "over it senders get 503.",
        ),
    ] = 1024
    header_seconds: Annotated[
        float,
        Field(gt=0, description="Seconds from a connection to the end of its first headers."),
    ] = 10.0
    body_seconds: Annotated[
        float,
        Field(
            gt=0,
            description="Seconds that a body may take, and one more for each MiB of it; a third of "
            "them without a byte end it too, and are what a message of OTLP/gRPC may take.",
        ),
    ] = 30.0
    kafka_brokers: Annotated[
        str,
        Field(
            description="Brokers of Kafka or Redpanda to read OTLP from, as `host:9092`, with"
            " commas; empty for none. Wants the extra `everyspan-server[kafka]`."
        ),
    ] = ""
    kafka_traces_topic: Annotated[
        str,
        Field(
            description="Topic of spans: the Collector's kafka exporter with `otlp_proto` or"
            " `otlp_json`. Empty for none."
        ),
    ] = "otlp_spans"
    kafka_logs_topic: Annotated[
        str, Field(description="Topic of log records, of the same exporter. Empty for none.")
    ] = "otlp_logs"
    kafka_group: Annotated[
        str, Field(description="Consumer group: all ingest processes of one have the same.")
    ] = "everyspan"
    kafka_project: Annotated[
        str,
        Field(
            pattern="^([a-z0-9][a-z0-9-]{0,62})?$",
            description="Project that the topics' spans go to; empty for the default one. Who may"
            " write to a topic writes to it: no key is asked for.",
        ),
    ] = ""
    kafka_aside_topic: Annotated[
        str,
        Field(
            description="Topic that messages are copied to which can never be stored, with the"
            " reason in their headers; empty: they are counted and logged only."
        ),
    ] = ""
    kafka_config: Annotated[
        Path | None,
        Field(
            description="File of librdkafka's properties, `name=value` lines, for TLS and SASL;"
            " none for none."
        ),
    ] = None
    min_free_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Bytes free on ClickHouse's disk, under which /readyz says not ready.",
        ),
    ] = 256 << 20
