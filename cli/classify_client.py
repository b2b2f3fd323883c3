"""Calls the running classify service."""

from __future__ import annotations

from typing import Any

from classify.settings import ClassifySettings
from cli.console import plain_errors
from service.client import Client

#: Learning asks the encoder, and searches the rows of days.
_SECONDS = 120


def classify_client(settings: ClassifySettings, otherwise: str = "") -> Client:
    """``otherwise``: one more thing to do where no service answers."""
    return Client(
        "classify",
        settings.host,
        settings.classify_port,
        settings.classify_token,
        "start `everyspan up` or `everyspan classify`, or give --host and --classify-port"
        + otherwise,
        _SECONDS,
    )


def call(
    settings: ClassifySettings, method: str, path: str, body: Any = None, *, text: bool = False
) -> Any:
    """The answer. Ends the command with a sentence where there is none, or where the service
    refuses."""
    with plain_errors():
        return classify_client(settings).call(method, path, body, text=text)
