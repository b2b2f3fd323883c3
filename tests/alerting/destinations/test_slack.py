"""Slack's blocks: within its limits, and nobody's text is markup."""

from __future__ import annotations

import json

from alerting.destinations import slack
from tests.alerting.destinations.messages import hostile, hostile_and_not_enriched, message
from tests.alerting.stand_in import stand_in


def test_what_people_read() -> None:
    with stand_in(pagerduty=False) as server:
        slack.send(slack.Config(type="slack", url=server.url), message())
    (body,) = server.taken
    text = json.dumps(body["blocks"])
    assert "4 of 7" in text
    assert "return model.complete(prompt)" in text


def test_huge_and_hostile_text_keeps_to_the_limits() -> None:
    for told in (hostile(), hostile_and_not_enriched()):
        body = slack.body(told)
        blocks = body["blocks"]
        assert len(blocks) <= 50
        assert len(json.dumps(blocks)) < 50_000
        assert len(blocks[0]["text"]["text"]) <= 150
        # A header is plain text, in which it means nothing.
        assert "<!channel>" not in json.dumps([body["text"], *blocks[1:]])
        for block in blocks:
            assert len(block.get("text", {}).get("text", "")) <= 3000
            assert all(len(field["text"]) <= 2000 for field in block.get("fields", []))
