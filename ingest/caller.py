"""Who may send: the same over HTTP and gRPC."""

from __future__ import annotations

import base64
import binascii

from ingest.settings import IngestSettings
from service.caller import Caller, Gate, same

#: Headers in which exporters of other tools send their key: LangSmith, Phoenix, Arize, Opik.
_KEY_HEADERS = ("x-api-key", "api_key", "api-key", "authorization")


class IngestGate(Gate):
    """Takes the token as a bearer token, as the password or the user of basic authentication
    (Langfuse: the secret key), and as the key in the header of another tool."""

    def shows_token(self, caller: Caller) -> bool:
        """Whether one of them is the token."""
        if super().shows_token(caller):
            return True
        return any(
            same(self._token, given)
            for header in _KEY_HEADERS
            for given in _keys(caller.headers.get(header, ""))
        )


def _keys(header: str) -> list[str]:
    kind, _, given = header.partition(" ")
    if not given:
        return [header] if header else []
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
