"""Type of a destination to the function that sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alerting.destinations import email, log, opsgenie, pagerduty, slack, teams, webhook
from alerting.message import Message

SEND: dict[str, Callable[[Any, Message], None]] = {
    "pagerduty": pagerduty.send,
    "slack": slack.send,
    "teams": teams.send,
    "opsgenie": opsgenie.send,
    "email": email.send,
    "webhook": webhook.send,
    "log": log.send,
}
