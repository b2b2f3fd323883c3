"""Settings of the page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from clickhouse.settings import ClickHouseSettings
from service.settings import ListenSettings

#: The one HTTP client of our services speaks no TLS.
_URL = r"^(http://[^\s/@]+:\d{1,5})?$"


class WebSettings(ClickHouseSettings, ListenSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    web_port: Annotated[int, Field(ge=0, le=65535, description="Port of the page.")] = 8080
    web_token: Annotated[
        SecretStr,
        Field(
            description="Token of the page: a browser asks for it as the password, for any user "
            "name. Empty: programs and browsers on this machine only."
        ),
    ] = SecretStr("")
    web_classify_url: Annotated[
        str,
        Field(
            pattern=_URL,
            description="Where the page finds classify, which keeps reviews: `http://classify:8086`;"
            " empty: on this machine.",
        ),
    ] = ""
    web_alerting_url: Annotated[
        str,
        Field(
            pattern=_URL,
            description="Where the page finds alerting; empty: on this machine.",
        ),
    ] = ""
