"""The words of the hand-written expectations: what the public schema must hold of each step.

Judged by reading the payloads. A scenario is a list of ``(span name, fields)`` in order of start
(expected_openai.py, expected_frameworks.py); write_expected.py turns it into ``expected.json``.

Field names beyond the schema's: ``X_contains`` (every text of the list occurs in column X),
``input_json`` and ``output_json`` (the column, parsed). Top level: ``total`` (what the reported
model calls really spent, each call once) and ``twins`` (pairs of span ids that report one call;
which of a pair keeps its tokens is free, so their spans state none).
"""

from __future__ import annotations

from typing import Any

Fields = dict[str, Any]
Listed = list[tuple[str, Fields]]

QUESTION = "What is the weather in Paris?"
SYSTEM = "You answer questions about the weather."
FINAL = "It is 18 degrees and sunny in Paris."
PLAIN = "Paris is the capital of France."
REFUND = "When is a refund paid?"
DOCUMENTS = [
    "Refunds are paid within 14 days of the return.",
    "Parcels are sent from Rotterdam on working days.",
]
ARGUMENTS = {"city": "Paris"}
RESULT = {"city": "Paris", "temperature_c": 18, "sky": "sunny"}
CONVERSATION = "gen_ai.conversation.id"  # stands for the payload's generated value

MODEL = {"step_kind": "llm", "provider": "openai", "model": "gpt-4o-mini-2024-07-18"}
SYSTEM_FIELDS = {"system_instructions_contains": [SYSTEM]}
TOOLS = {"tool_definitions_contains": ["get_weather"]}
OTHER = {"step_kind": "other"}
UNSET = {"status": "unset"}
OK = {"status": "ok"}
CACHED_1, CACHED_2 = {"cached_input_tokens": 0}, {"cached_input_tokens": 64}
REASONED_1, REASONED_2 = {"reasoning_tokens": 8}, {"reasoning_tokens": 4}

ASKS = {  # the model asks for the tool
    **MODEL,
    "input": QUESTION,
    "output_contains": ["get_weather", "Paris"],
    "output_messages_contains": ["tool_call", "get_weather", "call_Bx"],
}
ANSWERS = {  # the model answers from the tool's result
    **MODEL,
    "input": QUESTION,
    "output": FINAL,
    "input_messages_contains": ["tool_call_response", "temperature_c", "call_Bx"],
    "output_messages_contains": [FINAL],
}
SAYS = {**MODEL, "output": PLAIN, "output_messages_contains": [PLAIN]}
SPENT_1 = {"input_tokens": 82, "output_tokens": 27}
SPENT_2 = {"input_tokens": 124, "output_tokens": 19}
SPENT_PLAIN = {"input_tokens": 24, "output_tokens": 11}
TOOL = {"step_kind": "tool", "tool_name": "get_weather", "output_json": RESULT}
CALLED = {**TOOL, "input_json": ARGUMENTS}
AGENT = {"step_kind": "agent", "agent_name": "weather_agent"}
ASKED_AND_ANSWERED = {"input_contains": [QUESTION], "output_contains": [FINAL]}
RAISED = {
    "status": "error",
    "error_type": "ValueError",
    "status_message_contains": ["unknown city 'Atlantis'"],
}
MISSING = {
    "step_kind": "llm",
    "provider": "openai",
    "model": "gpt-missing",
    "status": "error",
    "input": QUESTION,
    "output": "",
    "status_message_contains": ["404"],
}
EMBEDDING = {"step_kind": "embedding", "provider": "openai", "model": "text-embedding-3-small"}
EMBEDS_TWO = {**EMBEDDING, "input_tokens": 10}
EMBEDS_STORE = {**EMBEDDING, "input_tokens": 15, "input_contains": DOCUMENTS}
EMBEDS_QUERY = {**EMBEDDING, "input_tokens": 5, "input_contains": [REFUND]}
RETRIEVES = {"step_kind": "retrieval", "input_contains": [REFUND], "documents": DOCUMENTS}
FROM_CONTEXT = {**SAYS, "input_contains": [REFUND, DOCUMENTS[0]]}


def loop(name: str, first: Fields, second: Fields, each: Fields) -> Listed:
    """The hand-written tool loop: a plain root, model, plain tool span, model."""
    return [
        ("handle question", {**OTHER, **UNSET}),
        (name, {**ASKS, **SPENT_1, **each, **first}),
        ("lookup", {**OTHER, **UNSET}),
        (name, {**ANSWERS, **SPENT_2, **each, **second}),
    ]


def streams(name: str, first: Fields, second: Fields, each: Fields) -> Listed:
    """A streamed tool request and a streamed text, no system message."""
    return [
        (name, {**ASKS, **SPENT_1, **each, **first}),
        (name, {**SAYS, "input": QUESTION, **SPENT_PLAIN, **each, **second}),
    ]


def turns(name: str, first: Fields, second: Fields, each: Fields) -> Listed:
    """Two calls of the Responses API."""
    both = {**SYSTEM_FIELDS, **TOOLS, **each}
    return [
        (name, {**ASKS, **SPENT_1, **both, **first}),
        (name, {**ANSWERS, **SPENT_2, **both, **second}),
    ]


def without(fields: Fields, *names: str) -> Fields:
    """`fields` less the named ones."""
    return {k: v for k, v in fields.items() if k not in names}
