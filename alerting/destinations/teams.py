"""Microsoft Teams: an adaptive card for the workflow "when a webhook request is received".

https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import Field

from alerting.destinations.config import ChannelConfig, Url
from alerting.destinations.sending import json_of, post
from alerting.message import Message

#: Bytes of a message that Teams takes.
_LIMIT = 28 * 1024
#: [text](url), [text][name], [name]: url and <url>.
_LINK = re.compile(r"(\](?=[(\[:])|<(?=[A-Za-z/]))")


class Config(ChannelConfig):
    """``url``: of a workflow that takes an adaptive card."""

    url: Url
    every_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


def plain(text: str) -> str:
    """A card reads Markdown in every text: what would be a link is none, and still says what."""
    return _LINK.sub(r"\1 ", text)


def body(message: Message) -> dict[str, Any]:
    """One card; without code and facts where it would be too large."""
    found: dict[str, Any] = json_of("teams.json", message, p=plain)
    if len(json.dumps(found).encode()) > _LIMIT:
        card = found["attachments"][0]["content"]
        card["body"] = card["body"][:1]
    return found


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    post(config.url, json.dumps(body(message)).encode(), {}, config.timeout_seconds)
