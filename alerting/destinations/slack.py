"""Slack incoming webhooks, Block Kit: https://docs.slack.dev/reference/block-kit/blocks/"""

from __future__ import annotations

import json
from typing import Any

from alerting.destinations.sending import json_of, post
from alerting.message import Message
from alerting.routing import Slack


def escaped(text: str) -> str:
    """Slack's own three signs; a user's <!channel> is text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def body(message: Message) -> dict[str, Any]:
    """Within 50 blocks, 3,000 characters a section, 150 a header."""
    found: dict[str, Any] = json_of("slack.json", message, e=escaped)
    return found


def send(config: Slack, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    post(config.url, json.dumps(body(message)).encode(), {}, config.timeout_seconds)
