"""JSON to an address of your own: everything that is known, HMAC-signed where there is a secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from alerting.destinations.config import ChannelConfig, Url
from alerting.destinations.sending import post, rendered
from alerting.message import Message


class Config(ChannelConfig):
    """``secret``: signs what is sent; '' for none."""

    url: Url
    secret: str = ""


def body(message: Message) -> dict[str, Any]:
    """Times as ISO 8601, durations in seconds, NaN as null."""
    return {
        "event": message.event,
        "headline": message.headline,
        "severity": message.severity,
        "text": rendered("alert.txt", message),
        **_plain(asdict(message)),
    }


def send(config: Config, message: Message) -> None:
    """Raises RefusedError and AwayError."""
    data = json.dumps(body(message)).encode()
    told = f"{message.dedup_key} {message.event} {message.starts_at.isoformat()}"
    headers = {"Idempotency-Key": hashlib.sha256(told.encode()).hexdigest()}
    if config.secret:
        stamp = str(int(time.time()))
        signed = stamp.encode() + b":" + data
        headers["X-Everyspan-Timestamp"] = stamp
        headers["X-Everyspan-Signature"] = hmac.new(
            config.secret.encode(), signed, hashlib.sha256
        ).hexdigest()
    post(config.url, data, headers, config.timeout_seconds)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return None if isinstance(value, float) and value != value else value
