"""Slack incoming webhooks, Block Kit: https://docs.slack.dev/reference/block-kit/blocks/"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from alerting.destinations.config import ChannelConfig, Url
from alerting.destinations.sending import json_of, post
from alerting.message import Message


class Config(ChannelConfig):
    """``url``: the incoming webhook's, which is its secret too."""

    url: Url
    every_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


def escaped(text: str) -> str:
    """Slack's own three signs; a user's <!channel> is text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """The same for between backticks: one of its own would end the code, and begin markup."""
    return escaped(text).replace("`", "\u02cb")


def body(message: Message) -> dict[str, Any]:
    """Within 50 blocks, 3,000 characters a section, 150 a header."""
    found: dict[str, Any] = json_of("slack.json", message, e=escaped, t=code)
    return found


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    post(config.url, json.dumps(body(message)).encode(), {}, config.timeout_seconds)
