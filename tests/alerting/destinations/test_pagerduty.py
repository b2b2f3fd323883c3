"""PagerDuty's events: its schema, its limits, one key for an incident."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema

from alerting.destinations import pagerduty
from demo.pagerduty import ROUTING_KEY, SCHEMA
from tests.alerting.destinations.messages import hostile, hostile_and_not_enriched, message
from tests.alerting.stand_in import stand_in

CONFIG = pagerduty.Config(type="pagerduty", routing_key=ROUTING_KEY)


def test_what_people_read() -> None:
    told = message()
    assert told.best is not None
    details = pagerduty.body(CONFIG, told)["payload"]["custom_details"]
    assert details["4 step"] == "4 of 7: answer (llm)"
    assert details["5 source"] == "agent.py line 112 in answer"
    assert "> 112     return model.complete(prompt)" in details["6 code"]
    assert details["replay"] == told.best.replay_command


def test_one_key_from_trigger_to_resolve() -> None:
    with stand_in() as server:
        config = CONFIG.model_copy(update={"url": server.url})
        for event in ("trigger", "flapping", "acknowledge", "resolve"):
            pagerduty.send(config, message(event))
    assert server.problems == []
    actions = [body["event_action"] for body in server.taken]
    assert actions == ["trigger", "trigger", "acknowledge", "resolve"]
    assert {body["dedup_key"] for body in server.taken} == {"everyspan-c0ffee"}
    assert "after 42 min" in server.taken[-1]["payload"]["summary"]


def test_huge_and_hostile_text_keeps_to_the_limits() -> None:
    for told in (hostile(), hostile_and_not_enriched()):
        event = pagerduty.body(CONFIG, told)
        jsonschema.validate(event, SCHEMA)
        assert len(json.dumps(event)) < 512 * 1024
        assert len(event["dedup_key"]) == 255
        assert len(event["payload"]["summary"]) <= 1024
    event = pagerduty.body(CONFIG, hostile())
    assert event["payload"]["custom_details"]["3 trace"] == "t" * 32
    assert event["images"][0]["src"] == "https://grafana.example/a.png"


def test_under_its_limit_whatever_is_in_it() -> None:
    """Not ASCII, which JSON may write in twelve bytes a character, in every field there is."""
    huge = "😀" * 300_000
    failure = replace(
        hostile().case.failures[0], trace_url="https://g/" + huge, replay_command=huge,
        step_name=huge, model=huge, prompt_version=huge, replay_note=huge, evidence=huge,
    )  # fmt: skip
    case = replace(
        hostile().case,
        failures=(failure,) * 50,
        links=tuple((huge, "https://g/" + huge) for _ in range(20)),
        missing=huge,
    )
    labels = {"alertname": huge, "service": huge, huge: huge}
    for told in (replace(hostile(), case=case, labels=labels, image="https:" + huge),
                 replace(hostile_and_not_enriched(), labels=labels)):  # fmt: skip
        event = pagerduty.body(CONFIG, told)
        jsonschema.validate(event, SCHEMA)
        assert len(json.dumps(event).encode()) <= 512 * 1024
