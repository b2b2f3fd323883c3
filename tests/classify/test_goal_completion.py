"""goal_completion: what shows in the course of a trace, how it ended, and what can't be told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from classify.classifier import Subject, Trace
from classify.classifiers.goal_completion import classifier, signs
from classify.classifiers.goal_completion.course import Course
from clickhouse.span import Span, Verdict

LONG = "The harbour was built in three steps, of which the second took the longest because the"


def step(kind: str, number: int, **columns: Any) -> Span:
    parent = f"{1:016x}" if number > 1 else ""
    return Span("a" * 32, f"{number:016x}", parent, step_kind=kind, start_time=number, **columns)


def judged(*spans: Span, session: tuple[Trace, ...] = ()) -> Verdict:
    trace = Trace(spans, session)
    return classifier.judge([Subject(trace.root, trace)])[0]


def answer(text: str, **columns: Any) -> tuple[Span, Span]:
    asked = "How was the harbour built?"
    return (
        step("agent", 1, input=asked, output=text),
        step("llm", 2, input=asked, output=text, **columns),
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"attributes": {"gen_ai.response.finish_reasons": '["length"]'}},
        {"attributes": {"llm.finish_reason": "MAX_TOKENS"}},
        {"attributes": {"ai.response.finishReason": "content_filter"}},
        {"output_messages": json.dumps([{"role": "assistant", "finish_reason": "length"}])},
    ],
)
def test_an_answer_that_is_cut_off(columns: dict[str, Any]) -> None:
    verdict = judged(*answer(LONG, **columns))
    assert verdict.label == "fail"
    assert "the answer is cut off" in verdict.evidence
    # One that ends within the limit, and a label that was meant to be short.
    assert judged(*answer(f"{LONG} ground gave way.", **columns)).label == "pass"
    assert judged(*answer("positive", **columns)).label == "pass"
    assert judged(*answer(LONG, attributes={"llm.finish_reason": "stop"})).label == "pass"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("langgraph.errors.GraphRecursionError", "Recursion limit of 25 reached"),
        ("agents.exceptions.MaxTurnsExceeded", "Max turns (10) exceeded"),
        ("UsageLimitExceeded", ""),
    ],
)
def test_a_limit_in_the_error_of_a_step(kind: str, said: str) -> None:
    root = step("agent", 1, input="Find it.", status="error", error_type=kind, status_message=said)
    verdict = judged(root)
    assert verdict.label == "fail"
    assert "it stopped at its limit" in verdict.evidence


def test_an_interrupt_is_no_failure() -> None:
    root = step("agent", 1, input="Find it.", output="Shall I?", status="error")
    root.error_type = "langgraph.errors.GraphInterrupt"
    assert judged(root).label == "pass"


def test_an_empty_answer_and_one_that_was_not_recorded() -> None:
    asked = "Find the harbour."
    root = step("agent", 1, input=asked)
    empty = json.dumps([{"role": "assistant", "parts": []}])
    verdict = judged(root, step("llm", 2, input=asked, output_messages=empty))
    assert (verdict.label, verdict.evidence) == ("fail", "the last model's answer is empty")
    verdict = judged(root, step("llm", 2, input=asked))
    assert (verdict.label, verdict.evidence) == ("abstained", "no answer is recorded")
    assert judged(step("embedding", 1, input=asked)).label == "not_applicable"
    assert judged(step("agent", 1, output="Hello")).label == "not_applicable"


def test_calls_are_read_off_messages_where_tools_are_not_traced() -> None:
    call = {"type": "tool_call", "id": "1", "name": "cancel_order", "arguments": {"id": "7"}}
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Cancel order 7."}]}]

    def after(result: str) -> Verdict:
        told = {"type": "tool_call_response", "id": "1", "response": result}
        history = [
            *asked,
            {"role": "assistant", "parts": [call]},
            {"role": "tool", "parts": [told]},
        ]
        said = "I have cancelled your order."
        return judged(
            step("agent", 1, input="Cancel order 7.", output=said),
            step(
                "llm", 2, input="Cancel order 7.", output=said, input_messages=json.dumps(history)
            ),
        )

    assert after('{"status": "cancelled"}').label == "pass"
    failed = after('{"error": "order has shipped"}')
    assert failed.label == "fail"
    assert "order has shipped" in failed.evidence


def test_a_claim_stands_on_a_call_of_an_earlier_turn() -> None:
    earlier = Trace(
        (
            Span("b" * 32, "1" * 16, step_kind="agent", input="Cancel order 7.", output="Done."),
            Span("b" * 32, "2" * 16, "1" * 16, tool_name="cancel_order", step_kind="tool"),
        )
    )
    now = (
        step("agent", 1, input="Is it done?", output="I have cancelled your order."),
        step("tool", 2, tool_name="get_order", output='{"status": "cancelled"}'),
    )
    assert judged(*now, session=(earlier,)).label == "pass"
    assert judged(*now).label == "fail"


def test_repeats_do_not_count_calls_that_wait() -> None:
    def of(name: str) -> int:
        spans = [step("tool", n, tool_name=name, input='{"id": 1}') for n in range(2, 7)]
        return signs.repeats(Course(Trace((step("agent", 1, input="x"), *spans))))

    assert of("find_order") == 5
    assert of("poll_job") == 0
    assert of("get_job_status") == 0
