"""Who may send: the same over HTTP and gRPC."""

from __future__ import annotations

import base64
import binascii

from ingest.settings import IngestSettings
from service.caller import Caller, Gate, same

#: Headers in which exporters of other tools send their key: LangSmith, Phoenix, Arize.
_KEY_HEADERS = ("x-api-key", "api_key", "api-key")


class IngestGate(Gate):
    """Takes the token as a bearer token, as the password or the user of basic authentication
    (Langfuse: the secret key), and as the key in the header of another tool."""

    def shows_token(self, caller: Caller) -> bool:
        """Whether one of them is the token."""
        if super().shows_token(caller):
            return True
        given = [caller.headers.get(header, "") for header in _KEY_HEADERS]
        given += _of_basic(caller.headers.get("authorization", ""))
        return any(same(self._token, key) for key in given)


def _of_basic(header: str) -> list[str]:
    kind, _, given = header.partition(" ")
    if kind.lower() != "basic":
        return []
    try:
        text = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    user, _, password = text.partition(":")
    return [key for key in (password, user) if key]


def gate(settings: IngestSettings) -> Gate:
    """Asks for EVERYSPAN_INGEST_TOKEN."""
    return IngestGate(
        "ingest",
        "EVERYSPAN_INGEST_TOKEN",
        settings.ingest_token,
        settings.host_names,
        how=" (OTEL_EXPORTER_OTLP_HEADERS in an agent)",
    )
