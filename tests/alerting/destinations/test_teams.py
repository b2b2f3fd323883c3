"""Teams' adaptive card: what is in it, and its 28 KiB."""

from __future__ import annotations

import json
from dataclasses import replace

from alerting.destinations import teams
from tests.alerting.destinations.messages import hostile, hostile_and_not_enriched, message
from tests.alerting.stand_in import stand_in


def test_what_people_read() -> None:
    with stand_in(pagerduty=False) as server:
        teams.send(teams.Config(type="teams", url=server.url), message())
    (body,) = server.taken
    assert "4 of 7" in json.dumps(body["attachments"][0]["content"])


def test_huge_and_hostile_text_keeps_to_the_limits() -> None:
    for told in (hostile(), hostile_and_not_enriched()):
        assert len(json.dumps(teams.body(told))) < 28 * 1024
    assert "t" * 32 in json.dumps(teams.body(hostile()))


def test_nobodys_text_becomes_a_link() -> None:
    evil = (
        "[your bank](https://evil.example) [x][y] [y]: https://evil.example <https://evil.example>"
    )
    failure = hostile().case.failures[0]
    failure = replace(failure, step_name=evil, evidence=evil, model=evil, suggested_fix=evil)
    told = replace(hostile(), case=replace(hostile().case, failures=(failure,)))
    told = replace(told, labels={"service": evil, "alertname": evil})
    for each in (told, replace(hostile_and_not_enriched(), labels={"alertname": evil, "q": evil})):
        card = json.dumps(teams.body(each)["attachments"][0]["content"])
        assert "evil.example" in card
        for sign in ("](", "][", "]:", "<https"):
            assert sign not in card.replace("[y] :", ""), sign
