"""Settings of the alerting service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from clickhouse.settings import ClickHouseSettings


class AlertingSettings(ClickHouseSettings):
    """Environment variables ``EVERYSPAN_*``; see README for the table of all of them."""

    host: Annotated[str, Field(description="Address that services listen on.")] = "127.0.0.1"
    alerting_port: Annotated[
        int, Field(ge=0, le=65535, description="HTTP port of the alerting service.")
    ] = 8085
    grafana_webhook_secret: Annotated[
        SecretStr, Field(description="HMAC secret of Grafana's webhook; empty accepts unsigned.")
    ] = SecretStr("")
