"""Microsoft Teams: an adaptive card for the workflow "when a webhook request is received".

https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook
"""

from __future__ import annotations

import json
from typing import Any

from alerting.destinations.sending import json_of, post
from alerting.message import Message
from alerting.routing import Teams

#: Bytes of a message that Teams takes.
_LIMIT = 28 * 1024


def body(message: Message) -> dict[str, Any]:
    """One card; without code and facts where it would be too large."""
    found: dict[str, Any] = json_of("teams.json", message)
    if len(json.dumps(found).encode()) > _LIMIT:
        card = found["attachments"][0]["content"]
        card["body"] = card["body"][:1]
    return found


def send(config: Teams, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    post(config.url, json.dumps(body(message)).encode(), {}, config.timeout_seconds)
