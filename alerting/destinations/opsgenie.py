"""Opsgenie Alert API: create, acknowledge and close under one alias. https://docs.opsgenie.com/docs/alert-api"""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from alerting.destinations.config import ChannelConfig, Url
from alerting.destinations.sending import json_of, post, rendered
from alerting.message import Message

_PRIORITY = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}


class Config(ChannelConfig):
    """``api_key``: of an integration of type API; ``url``: EU has its own."""

    api_key: Annotated[str, Field(min_length=1)]
    url: Url = "https://api.opsgenie.com/v2/alerts"


def body(message: Message) -> dict[str, Any]:
    """Of a new alert."""
    found: dict[str, Any] = json_of("opsgenie.json", message)
    found["alias"] = message.dedup_key[:512]
    found["priority"] = _PRIORITY[message.severity]
    found["description"] = rendered("alert.txt", message)[:15_000]
    found["details"] = {key: value for key, value in found["details"].items() if value}
    return found


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    headers = {"Authorization": f"GenieKey {config.api_key}"}
    if message.brief:
        alias = quote(message.dedup_key[:512], safe="")
        action = "close" if message.event == "resolve" else "acknowledge"
        url = f"{config.url.rstrip('/')}/{alias}/{action}?identifierType=alias"
        data = json.dumps({"source": "Everyspan", "note": message.headline}).encode()
    else:
        url, data = config.url, json.dumps(body(message)).encode()
    post(url, data, headers, config.timeout_seconds)
