"""instruction_following on whole steps: whose words count, and what a request's attributes ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

from classify.classifier import Subject, Trace
from classify.classifiers.instruction_following import classifier
from clickhouse.span import Span, Verdict


def step(kind: str, number: int, **columns: Any) -> Span:
    parent = f"{1:016x}" if number > 1 else ""
    return Span("a" * 32, f"{number:016x}", parent, step_kind=kind, start_time=number, **columns)


def judged(*spans: Span, at: int = -1) -> Verdict:
    trace = Trace(spans)
    return classifier.judge([Subject(spans[at], trace)])[0]


ORDER = {
    "type": "object",
    "title": "Order",
    "properties": {"id": {"type": "string"}, "tents": {"type": "integer"}},
    "required": ["id"],
}
GEMINI = {"response_mime_type": "application/json"}
WRAPPED = {"type": "json_schema", "json_schema": {"name": "Order", "schema": ORDER}}


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.output.type": "json"},
        {"gen_ai.request.response_format": "json_object"},
        {"gen_ai.request.response_format": json.dumps(WRAPPED)},
        {"llm.invocation_parameters": json.dumps({"response_format": {"type": "json_object"}})},
        {"llm.invocation_parameters": json.dumps({"response_format": WRAPPED})},
        {"llm.invocation_parameters": json.dumps({"text": {"format": {"schema": ORDER}}})},
        {"llm.invocation_parameters": json.dumps({"generation_config": GEMINI})},
        {"llm.request.structured_output_schema": json.dumps(ORDER)},
        {"ai.schema": json.dumps(ORDER)},
    ],
)
def test_a_format_that_the_request_asked_for(attributes: dict[str, str]) -> None:
    def of(output: str) -> Verdict:
        return judged(step("llm", 1, input="Two tents.", output=output, attributes=attributes))

    assert of('{"id": "LF-1", "tents": 2}').label == "pass"
    wrong = of("Sure, two tents.")
    assert wrong.label == "fail"
    assert "the output is not JSON" in wrong.evidence


def test_a_schema_is_held_against_the_answer() -> None:
    made = {"gen_ai.request.response_format": json.dumps(WRAPPED)}
    wrong = judged(step("llm", 1, input="x", output='{"id": "L", "tents": "2"}', attributes=made))
    assert (wrong.label, "output.tents: '2' is not of type 'integer'" in wrong.evidence) == (
        "fail",
        True,
    )
    missing = judged(step("llm", 1, input="x", output='{"tents": 2}', attributes=made))
    assert "'id' is a required property" in missing.evidence


@pytest.mark.parametrize("said", ["text", "", "{", "[1]", '{"temperature": 0}', '{"text": "json"'])
def test_other_attributes_ask_for_nothing(said: str) -> None:
    made = {"gen_ai.output.type": said, "llm.invocation_parameters": said}
    found = judged(step("llm", 1, input="Hello", output="Hello!", attributes=made))
    assert found.label == "not_applicable"


def test_a_step_on_the_way_does_not_owe_what_the_user_asked() -> None:
    asked = "Write at least 100 words about tents."
    root = step("agent", 1, input=asked, output="Tents. " * 120)
    router = step("llm", 2, input=asked, output="writer")
    writer = step("llm", 3, input=asked, output="Tents. " * 120)
    assert judged(root, router, writer, at=1).label == "not_applicable"
    assert judged(root, router, writer, at=2).label == "pass"
    # What its own system prompt asks, it does owe.
    router.system_instructions = "Answer with at most 3 words."
    router.output = "I think that the writer should do this one"
    assert judged(root, router, writer, at=1).label == "fail"


def test_a_step_that_calls_tools_has_not_said_its_last_word() -> None:
    call = {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f"}]}
    system = 'Answer in at most 5 words. End every answer with "Bye."'
    first = step(
        "llm",
        1,
        system_instructions=system,
        input="Where is it?",
        output="Let me look.",
        output_messages=json.dumps([call]),
    )
    assert judged(first).label == "pass"
    first.output = "Let me look that up for you at once."
    assert "at most 5" in judged(first).evidence


def test_the_user_may_ask_otherwise_than_the_system() -> None:
    made = step(
        "llm",
        1,
        system_instructions="Answer in English.",
        input="Bitte answer in German: was kostet das?",
        output="Das kostet neun Euro, und der Versand ist für Sie ab einem Wert von sechzig frei.",
    )
    assert judged(made).label == "pass"


def test_an_answer_that_ingest_cut_is_not_judged() -> None:
    made = step("llm", 1, input="Answer in JSON only.", output='{"a": [everyspan: 900 bytes cut]')
    assert judged(made).label == "abstained"
