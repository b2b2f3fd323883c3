"""A message like a real one, for `everyspan alerts test`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from alerting.case import Case, Failure, Source
from alerting.message import Message
from grafana.replay_command import replay_command

_CODE = (
    "def answer(question: str) -> str:",
    "    pages = search(question)",
    "    prompt = build_prompt(question, pages)",
    "    return model.complete(prompt)",
)


def sample(labels: Mapping[str, str]) -> Message:
    """Says in its headline that it is a test. ``labels``: those to route by."""
    now = datetime.now(UTC)
    told = {
        "alertname": "test of Everyspan",
        "service": "support-agent",
        "environment": "test",
        "classifier": "hallucination",
        "severity": "info",
        **labels,
    }
    source = Source(
        "agent.py", 112, "answer", tuple((109 + i, text) for i, text in enumerate(_CODE))
    )
    failure = Failure(
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        trace_url="",
        step=4,
        steps=7,
        step_name="answer",
        step_kind="llm",
        classifier=told["classifier"],
        score=0.97,
        threshold=0.9,
        evidence="This is a test: nothing has happened. “Delivered on Monday” is in no document.",
        start_time=now,
        source=source,
        suggested_fix="None is needed: you asked for a test message, and here it is.",
        replay_command=replay_command("4bf92f3577b34da6a3ce929d0e0e4736", 4),
    )
    case = Case(
        told["service"],
        told["environment"],
        told["classifier"],
        "fail_rate",
        (now - timedelta(hours=1), now),
        failing=3,
        judged=40,
        traces=3,
        failures=(failure,),
    )
    annotations = {"summary": "A test of Everyspan's alerts."}
    key = f"everyspan-test-{now:%Y%m%d%H%M%S}"
    return Message("trigger", key, told, annotations, now, case, test=True)
