"""Spans with verdicts, written straight into ClickHouse: traces of an agent with a retrieval, a
tool and a model step, about topics that are told apart easily."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from clickhouse.span import SPAN_COLUMNS, Span

#: Questions of three topics, each in words of its own.
TOPICS: dict[str, tuple[str, ...]] = {
    "refund": (
        "Where is my refund for the tent that I sent back?",
        "I returned the boots weeks ago, when do I get my money?",
        "Has the amount for my cancelled purchase been paid back already?",
        "My bank shows no refund yet, what is going on?",
        "How long does it take until a refund reaches my card?",
        "You promised to reimburse the broken stove, nothing has arrived.",
        "The refund that I got is ten euros short.",
    ),
    "login": (
        "I forgot my password and cannot log in.",
        "The website says that my account is locked.",
        "How do I reset the password of my account?",
        "The code for signing in never reaches me.",
        "Why am I logged out of my account all the time?",
        "Signing in with the app fails since yesterday.",
        "My account wants a second factor that I never set up.",
    ),
    "weather": (
        "Will it rain in the mountains at the weekend?",
        "How cold does it get at night in October up there?",
        "Is a storm expected on the coast tomorrow?",
        "What is the forecast for snow above two thousand metres?",
        "How hot will it be in the valley on Monday?",
        "Is there any risk of thunder this afternoon?",
        "How strong is the wind at the lake today?",
    ),
}
NOW = datetime.now(UTC).replace(microsecond=0)
DOCUMENT = "Refunds take five days. Passwords are reset by mail. The forecast is updated hourly."


@dataclass(frozen=True)
class Ask:
    """One trace: what is asked, what is answered, and the model step's verdicts."""

    question: str
    answer: str = "It takes five days."
    failed: tuple[str, ...] = ()
    passed: tuple[str, ...] = ("hallucination",)
    at: datetime = NOW - timedelta(hours=1)
    model: str = "gpt-4.1-mini"
    prompt_version: str = "7"
    service: str = "support"
    status: str = "ok"
    evidence: str = "‘five days’ is in no document"
    user: str = ""
    key: str = ""
    document: str = DOCUMENT
    tool_result: str = '{"status": "shipped"}'
    attributes: dict[str, str] = field(default_factory=dict)
    content: bool = True

    @property
    def trace_id(self) -> str:
        text = f"{self.key}|{self.question}|{self.at}|{self.service}|{self.failed}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def span_id(trace_id: str, step: int) -> str:
    return hashlib.sha256(f"{trace_id}/{step}".encode()).hexdigest()[:16]


def spans(ask: Ask) -> list[Span]:
    """Agent, retrieval, tool, model."""
    trace = ask.trace_id
    start = int(ask.at.timestamp() * 1e9)
    root = Span(
        trace,
        span_id(trace, 0),
        name="agent",
        step_kind="agent",
        service_name=ask.service,
        start_time=start,
        duration_ms=1000,
        status="ok",
        user_id=ask.user,
        input=ask.question if ask.content else "",
        output=ask.answer,
        attributes=ask.attributes,
    )
    below = replace(root, parent_span_id=root.span_id, input="", output="", attributes={})
    prompt = f"Pages:\n{ask.document}\n\nCustomer: {ask.question}"
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": prompt}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "get_order",
                                         "arguments": {"order": "LF-1"}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1",
                                    "response": ask.tool_result}]},
    ]  # fmt: skip
    return [
        root,
        replace(
            below,
            span_id=span_id(trace, 1),
            name="search pages",
            step_kind="retrieval",
            start_time=start + 10_000_000,
            duration_ms=5,
            input=ask.question if ask.content else "",
            documents=[ask.document],
        ),
        replace(
            below,
            span_id=span_id(trace, 2),
            name="execute_tool get_order",
            step_kind="tool",
            tool_name="get_order",
            start_time=start + 20_000_000,
            duration_ms=5,
            input='{"order": "LF-1"}',
            output=ask.tool_result,
        ),
        replace(
            below,
            span_id=span_id(trace, 3),
            name="chat",
            step_kind="llm",
            start_time=start + 30_000_000,
            duration_ms=500,
            status=ask.status,
            provider="openai",
            model=ask.model,
            prompt_name="support",
            prompt_version=ask.prompt_version,
            system_instructions="You are a support agent. Answer from the pages.",
            input=prompt if ask.content else "",
            output=ask.answer,
            input_messages=json.dumps(messages) if ask.content else "",
        ),
    ]


def insert(client: Client, database: str, asks: Sequence[Ask], version: int = 1) -> None:
    """Verdicts are on the model step; all rows are judged. A higher ``version`` replaces."""
    names = ("hallucination", "data_leakage", "toxicity")
    columns = [*SPAN_COLUMNS, "evidence", "verdict_version"]
    columns += [column for name in names for column in (name, f"{name}_score")]
    rows: list[list[Any]] = []
    for ask in asks:
        for span in spans(ask):
            judged = span.step_kind == "llm"
            values = [getattr(span, name) for name in SPAN_COLUMNS]
            values[SPAN_COLUMNS.index("start_time")] = span.start_time
            evidence = dict.fromkeys(ask.failed, ask.evidence) if judged else {}
            verdicts: list[Any] = []
            for name in names:
                label = "not_applicable"
                if judged and name in ask.failed:
                    label = "fail"
                elif judged and name in ask.passed:
                    label = "pass"
                score = {"fail": 0.9, "pass": 0.1}.get(label, float("nan"))
                verdicts += [label, score]
            rows.append([*values, evidence, version, *verdicts])
    client.insert("spans_raw", rows, column_names=columns, database=database)


def usual(at: datetime = NOW - timedelta(hours=1), healthy: int = 3) -> list[Ask]:
    """Seven failures of each topic, and healthy traces of the same topics in other words."""
    found = []
    for topic, questions in TOPICS.items():
        for i, question in enumerate(questions):
            moment = at + timedelta(seconds=i)
            found.append(Ask(question, failed=("hallucination",), at=moment))
            for number in range(healthy):
                words = ("Please tell me once more:", "A friend asks me this:", "One thing:")
                found.append(
                    Ask(
                        f"{words[number % 3]} {question.lower()} ({topic} number {number})",
                        answer=f"Fine answer {number} about {topic}.",
                        at=moment + timedelta(minutes=number + 1),
                    )
                )
    return found
