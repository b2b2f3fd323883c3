"""What the channels' tests send: a message like a real one, and one of a hostile sender."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.case import Case, Failure, Source
from alerting.message import Event, Message
from alerting.sample import sample

NOW = datetime.now(UTC)
NASTY = '<!channel> & "quotes" \\ {{ 7*7 }} \n' * 4000
LABELS = {"service": "shop", "classifier": "hallucination", "severity": "error"}


def message(event: Event = "trigger") -> Message:
    """About step 4 of 7, at line 112 of agent.py."""
    lasted = timedelta(minutes=42) if event == "resolve" else None
    told = replace(sample(LABELS), event=event, dedup_key="everyspan-c0ffee", test=False)
    return replace(told, lasted=lasted)


def hostile() -> Message:
    """Every text is long, has markup, quotes and a template in it."""
    failure = Failure(
        "t" * 32, "s" * 16, "", 4, 7, NASTY, "llm", NASTY, 0.9, 0.5, NASTY, NOW, 1, NASTY, NASTY,
        source=Source(NASTY, 3, NASTY, ((3, NASTY[:200]),)),
        suggested_fix=NASTY, replay_command="r",
    )  # fmt: skip
    case = _case(failures=(failure,), what_changed=(NASTY,))
    return replace(hostile_and_not_enriched(), case=case, image="https://grafana.example/a.png")


def hostile_and_not_enriched() -> Message:
    """The same with nothing found."""
    return Message(
        "trigger",
        "k" * 400,
        {"alertname": "x", "service": NASTY},
        {"summary": NASTY, "description": NASTY},
        NOW,
        _case(),
    )


def _case(failures: tuple[Failure, ...] = (), what_changed: tuple[str, ...] = ()) -> Case:
    window = (NOW - timedelta(hours=1), NOW)
    return Case(NASTY, "", "", "", window, failures=failures, what_changed=what_changed)
