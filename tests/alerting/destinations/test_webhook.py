"""A webhook of one's own: everything that is known, signed, once by its key."""

from __future__ import annotations

import hashlib
import hmac
import json

from alerting.destinations import webhook
from tests.alerting.destinations.messages import hostile, message
from tests.alerting.stand_in import stand_in


def test_everything_that_is_known_signed() -> None:
    told = message()
    assert told.best is not None
    with stand_in(pagerduty=False) as server:
        config = webhook.Config(type="webhook", url=server.url, secret="hush")
        webhook.send(config, told)
        webhook.send(config, told)
        webhook.send(config, message("resolve"))
    body = server.taken[0]
    assert body["case"]["failures"][0]["trace_id"] == told.best.trace_id
    assert body["case"]["window"][0] == told.case.window[0].isoformat()
    assert server.taken[2]["lasted"] == 42 * 60
    first, again, ended = (headers["idempotency-key"] for headers in server.headers)
    assert first == again != ended
    signed = f"{server.headers[0]['x-everyspan-timestamp']}:".encode() + server.bodies[0]
    expected = hmac.new(b"hush", signed, hashlib.sha256).hexdigest()
    assert server.headers[0]["x-everyspan-signature"] == expected


def test_hostile_text_is_text() -> None:
    assert json.loads(json.dumps(webhook.body(hostile())))["case"]["service"].count("{{ 7*7 }}")
