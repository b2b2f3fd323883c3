"""PagerDuty Events API v2: trigger, acknowledge and resolve under one dedup_key.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from alerting.destinations.config import ChannelConfig, Url
from alerting.destinations.sending import cut, json_of, post
from alerting.message import Message

#: Bytes of an event, custom_details included.
_LIMIT = 512 * 1024
_MOST_URL = 2048


class Config(ChannelConfig):
    """``routing_key``: of an integration of type Events API v2."""

    routing_key: Annotated[str, Field(min_length=32, max_length=32)]
    url: Url = "https://events.pagerduty.com/v2/enqueue"


def body(config: Config, message: Message) -> dict[str, Any]:
    """The event."""
    event: dict[str, Any] = {
        "routing_key": config.routing_key,
        "dedup_key": message.dedup_key[:255],
        "event_action": message.event if message.brief else "trigger",
    }
    # A resolve needs no more; what is there is shown in the incident's timeline.
    event |= json_of("pagerduty.json", message)
    event["payload"]["custom_details"] = {
        key: value for key, value in event["payload"]["custom_details"].items() if value
    }
    return _within_limit(event)


def _within_limit(event: dict[str, Any]) -> dict[str, Any]:
    """First what is long, then what can be found elsewhere."""
    # A longer address opens nowhere.
    event["links"] = [link for link in event["links"] if len(link["href"]) <= _MOST_URL]
    if len(event.get("client_url", "")) > _MOST_URL:
        del event["client_url"]
    event["images"] = [i for i in event.get("images", []) if len(i["src"]) <= _MOST_URL]
    if not event["images"]:
        del event["images"]
    payload = event["payload"]
    for most in (4000, 1000, 100):
        if _size(event) <= _LIMIT:
            return event
        payload["custom_details"] = {
            cut(key, 100): cut(str(value), most)
            for key, value in list(payload["custom_details"].items())[:100]
        }
    return event


def _size(event: dict[str, Any]) -> int:
    return len(json.dumps(event).encode())


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    post(config.url, json.dumps(body(config, message)).encode(), {}, config.timeout_seconds)
