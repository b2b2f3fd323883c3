"""Who may send: the same over HTTP and gRPC."""

from __future__ import annotations

import base64
import binascii

from ingest.paths import SIGNAL_OF
from ingest.settings import IngestSettings
from service.caller import Caller, Gate
from service.keys import Keys, Scope

#: Headers in which exporters of other tools send their key: LangSmith, Phoenix, Arize.
_KEY_HEADERS = ("x-api-key", "api_key", "api-key")


class IngestGate(Gate):
    """Takes the token as a bearer token, as the password or the user of basic authentication
    (Langfuse: the secret key), and as the key in the header of another tool."""

    def given(self, caller: Caller) -> list[str]:
        """One of them is the token, or a project's key."""
        others = [caller.headers.get(header, "") for header in _KEY_HEADERS]
        others += _of_basic(caller.headers.get("authorization", ""))
        return [*super().given(caller), *filter(None, others)]


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


def gate(settings: IngestSettings, keys: Keys | None = None) -> Gate:
    """Asks for EVERYSPAN_INGEST_TOKEN, or a project's key that may write."""
    return IngestGate(
        "ingest",
        "EVERYSPAN_INGEST_TOKEN",
        settings.ingest_token,
        settings.host_names,
        how=" (OTEL_EXPORTER_OTLP_HEADERS in an agent)",
        keys=keys,
        scope_of=_scope,
    )


def _scope(caller: Caller) -> Scope | None:
    """Over gRPC a call has no path here: there is nothing else to call."""
    return "write" if not caller.path or caller.path in SIGNAL_OF else None
