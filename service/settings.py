"""Where services listen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ListenSettings(BaseSettings):
    """Environment variables ``EVERYSPAN_*``; docs/settings.md lists all of them."""

    model_config = SettingsConfigDict(env_prefix="EVERYSPAN_", env_file=None, extra="ignore")

    host: Annotated[
        str,
        Field(
            description="Address that services listen on. Anything but loopback needs their tokens."
        ),
    ] = "127.0.0.1"
    allowed_hosts: Annotated[
        str,
        Field(
            description="Names beside localhost, with commas between, by which callers on this "
            "machine that show no token or password may call its services (the Host header)."
        ),
    ] = ""

    tls_certificate: Annotated[
        Path | None,
        Field(
            description="PEM file with the certificate of OTLP/HTTP, OTLP/gRPC and the page, which"
            " then speak TLS only; taken anew when it changes. None: no TLS."
        ),
    ] = None
    tls_key: Annotated[
        Path | None,
        Field(description="PEM file with its key, without a passphrase."),
    ] = None

    log_format: Annotated[
        Literal["text", "json"],
        Field(description="What a line of the log is: `text`, or `json` for a program."),
    ] = "text"

    @property
    def scheme(self) -> str:
        """Of what has a certificate where one is set: OTLP/HTTP and the page."""
        return "https" if self.tls_certificate else "http"

    @property
    def host_names(self) -> frozenset[str]:
        """``allowed_hosts``, and the address itself where it is a name."""
        names = {*self.allowed_hosts.split(","), self.host}
        return frozenset(name.strip().lower() for name in names if name.strip())
