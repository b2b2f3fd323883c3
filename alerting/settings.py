"""Settings of the alerting service."""

from __future__ import annotations

from pathlib import Path
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
        SecretStr,
        Field(
            description="HMAC secret of Grafana's webhook contact point; empty accepts unsigned "
            "notifications."
        ),
    ] = SecretStr("")
    grafana_timestamp_header: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9-]{1,64}$",
            description="Header of the signing time, as the contact point's HMAC settings name it.",
        ),
    ] = "X-Grafana-Alerting-Timestamp"
    grafana_require_timestamp: Annotated[
        bool,
        Field(description="Refuse signed notifications that carry no signing time."),
    ] = False
    grafana_max_age_seconds: Annotated[
        int,
        Field(
            ge=1,
            le=86_400,
            description="Seconds that a signing time may differ from the clock, either way.",
        ),
    ] = 300
    grafana_url: Annotated[
        str,
        Field(
            pattern=r"^(https?://\S+)?$",
            description="Grafana's address as people open it, for links in alerts; empty for none.",
        ),
    ] = ""
    alerting_max_body_bytes: Annotated[
        int, Field(ge=1024, description="Largest notification, in bytes.")
    ] = 8 << 20

    @property
    def spool(self) -> Path:
        """File of the notifications received."""
        return self.data.resolve() / "alerting" / "notifications.sqlite3"
