"""Settings of all services in one process, beside those of each."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from clickhouse.settings import ClickHouseSettings
from grafana.evaluation.evaluator import PROVISIONED
from service.settings import ListenSettings


class UpSettings(ClickHouseSettings, ListenSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    clickhouse_port: Annotated[
        int,
        Field(ge=0, le=65535, description="ClickHouse HTTP port of the embedded engine."),
    ] = 8123
    clickhouse_host: Annotated[
        str,
        Field(description="Address of that port. Anything but loopback needs a password."),
    ] = "127.0.0.1"
    clickhouse_user: Annotated[
        str, Field(description="User name that readers of that port give.")
    ] = "default"
    clickhouse_password: Annotated[
        SecretStr, Field(description="Password that readers of that port give; empty for none.")
    ] = SecretStr("")

    clickhouse_lag_seconds: Annotated[
        float,
        Field(
            ge=0.05,
            le=60,
            description="How old what readers of that port see may be. Half of it costs twice the "
            "processor time: 2 % of a core at 0.5.",
        ),
    ] = 0.5

    classify_shards: Annotated[
        int,
        Field(ge=1, le=64, description="Classify workers in `everyspan up`, each with its share."),
    ] = 1

    grafana_evaluate: Annotated[
        bool,
        Field(
            description="Evaluate Grafana's alert rules in `everyspan up`. Only with the embedded "
            "engine, and only where no Grafana does it."
        ),
    ] = True
    grafana_rules: Annotated[
        Path, Field(description="Folder of the provisioned alert rules that are evaluated.")
    ] = PROVISIONED
    grafana_evaluate_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="Evaluate so often, and tell at once; 0: as rules and policy say.",
        ),
    ] = 0.0

    @model_validator(mode="after")
    def _open_ports_have_passwords(self) -> UpSettings:
        try:
            loopback = ipaddress.ip_address(self.clickhouse_host).is_loopback
        except ValueError:
            loopback = self.clickhouse_host == "localhost"
        if not loopback and not self.clickhouse_password.get_secret_value():
            raise ValueError(
                f"EVERYSPAN_CLICKHOUSE_HOST is {self.clickhouse_host}: others could read every "
                "span; set EVERYSPAN_CLICKHOUSE_PASSWORD too"
            )
        return self
