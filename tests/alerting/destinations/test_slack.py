"""Slack's blocks: within its limits, and nobody's text is markup."""

from __future__ import annotations

import json
from dataclasses import replace

from alerting.case import Source
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


def test_code_stays_code_and_nothing_unfurls() -> None:
    fence = "x = 1 ``` <https://evil.example|bank> *all* `"
    failure = hostile().case.failures[0]
    source = Source("a`b.py", 3, "f`", ((3, fence),))
    failure = replace(failure, source=source, evidence="see https://evil.example/x")
    told = replace(hostile(), case=replace(hostile().case, failures=(failure,)))
    body = slack.body(told)
    assert body["unfurl_links"] is body["unfurl_media"] is False
    code = next(b["text"]["text"] for b in body["blocks"] if "x = 1" in str(b.get("text")))
    assert code.count("```") == 2
    assert code.endswith("```")
    place = code.partition("\n")[0]
    assert place.count("`") == 4
    for block in body["blocks"]:
        for text in [block.get("text", {}), *block.get("fields", []), *block.get("elements", [])]:
            if text.get("type") == "mrkdwn":
                assert text["verbatim"] is True, "no address in it becomes a link"
