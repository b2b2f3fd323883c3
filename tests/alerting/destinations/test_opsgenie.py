"""Opsgenie's alerts: created, acknowledged and closed under one alias."""

from __future__ import annotations

import json

from alerting.destinations import opsgenie
from tests.alerting.destinations.messages import hostile, hostile_and_not_enriched, message
from tests.alerting.stand_in import stand_in


def test_created_acknowledged_and_closed() -> None:
    with stand_in(pagerduty=False) as server:
        config = opsgenie.Config(type="opsgenie", api_key="k", url=server.url)
        for event in ("trigger", "acknowledge", "resolve"):
            opsgenie.send(config, message(event))
    alias = "/v2/enqueue/everyspan-c0ffee"
    assert server.paths == [
        "/v2/enqueue",
        f"{alias}/acknowledge?identifierType=alias",
        f"{alias}/close?identifierType=alias",
    ]
    assert {headers["authorization"] for headers in server.headers} == {"GenieKey k"}
    created, _, closed = server.taken
    assert (created["alias"], created["priority"]) == ("everyspan-c0ffee", "P2")
    assert "step           4 of 7: answer (llm)" in created["description"]
    assert "after 42 min" in closed["note"]


def test_huge_and_hostile_text_keeps_to_the_limits() -> None:
    for told in (hostile(), hostile_and_not_enriched()):
        body = opsgenie.body(told)
        assert len(body["message"]) <= 130
        assert len(body["alias"]) <= 512
        assert len(body["description"]) <= 15_000
        assert len(json.dumps(body["description"])) < 2 * 15_000
