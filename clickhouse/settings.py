"""Where the rows live: shared by every service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class ClickHouseSettings(BaseSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    model_config = SettingsConfigDict(env_prefix="EVERYSPAN_", env_file=None, extra="ignore")

    clickhouse_dsn: Annotated[
        str,
        Field(
            description="ClickHouse: `http://user:password@host:8123`, `https://…`, or "
            "`chdb:///directory` for the embedded engine. Empty: embedded in the data directory."
        ),
    ] = ""
    data: Annotated[
        Path, Field(description="Directory of the embedded ClickHouse and of what services keep.")
    ] = Path("everyspan-data")
    database: Annotated[str, Field(description="Name of the database.")] = "everyspan"
    cluster: Annotated[
        str,
        Field(
            description="Name of the ClickHouse cluster for ON CLUSTER; empty for a single node."
        ),
    ] = ""
    retention_days: Annotated[
        int, Field(ge=1, le=3650, description="Days until a span is deleted.")
    ] = 30

    storage_policy: Annotated[
        str,
        Field(
            description="Storage policy of the server for spans and their content, with a fast and"
            " a slow volume; empty for the server's own."
        ),
    ] = ""
    cold_after_days: Annotated[
        int,
        Field(
            ge=0,
            le=3650,
            description="Days until a day of spans moves to the slow volume of"
            " `EVERYSPAN_STORAGE_POLICY`; 0 for never.",
        ),
    ] = 0
    cold_volume: Annotated[str, Field(description="Name of the slow volume of the policy.")] = (
        "cold"
    )

    @field_validator("database", "cluster", "storage_policy", "cold_volume")
    @classmethod
    def _is_identifier(cls, value: str) -> str:
        if value and not _NAME.fullmatch(value):
            raise ValueError("use letters, digits and underscores only, not starting with a digit")
        return value

    @model_validator(mode="after")
    def _has_a_database(self) -> ClickHouseSettings:
        if not self.database:
            raise ValueError("EVERYSPAN_DATABASE is empty; leave it out for 'everyspan'")
        if self.cold_after_days and not self.storage_policy:
            raise ValueError(
                "EVERYSPAN_COLD_AFTER_DAYS wants EVERYSPAN_STORAGE_POLICY: name the policy that has"
                f" the volume {self.cold_volume}"
            )
        if self.cold_after_days >= self.retention_days:
            raise ValueError(
                f"EVERYSPAN_COLD_AFTER_DAYS is {self.cold_after_days}: spans are deleted after"
                f" {self.retention_days} days (EVERYSPAN_RETENTION_DAYS); choose fewer, or 0"
            )
        return self

    @property
    def dsn(self) -> str:
        """The DSN in force: the one given, else chDB in the data directory."""
        return self.clickhouse_dsn or f"chdb://{(self.data / 'clickhouse').resolve()}"

    @property
    def on_cluster(self) -> str:
        """The clause that a statement about tables needs; '' for a single node."""
        return f"ON CLUSTER '{self.cluster}'" if self.cluster else ""

    @property
    def embedded(self) -> bool:
        """True where ClickHouse runs inside this process."""
        return self.dsn.startswith("chdb:")
