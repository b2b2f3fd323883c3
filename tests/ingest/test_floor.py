"""What every convention shares: readers of messages, arguments and names of any shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.conventions.finish_reason import finish_reason
from ingest.conventions.messages import messages_of
from ingest.conventions.readable import arguments, readable, tool_result
from ingest.conventions.time_to_first_token import milliseconds
from ingest.conventions.tools import tool_definitions
from tests.ingest.spans import row

ARGUMENTS = {"city": "Paris"}
TEXT = json.dumps(ARGUMENTS)


@pytest.mark.parametrize(
    "part",
    [
        {"toolUse": {"toolUseId": "c1", "name": "weather", "input": ARGUMENTS}},
        {"type": "toolUse", "toolUseId": "c1", "name": "weather", "input": ARGUMENTS},
        {"toolRequest": {"ref": "c1", "name": "weather", "input": ARGUMENTS}},
        {"functionCall": {"id": "c1", "name": "weather", "args": ARGUMENTS}},
        {"tool_call": {"id": "c1", "tool_name": "weather", "arguments": ARGUMENTS}},
        {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": ARGUMENTS},
        {
            "type": "tool_call",
            "tool_call": {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": TEXT},
            },
        },
        {"ID": "c1", "Type": "function", "FunctionCall": {"Name": "weather", "Arguments": TEXT}},
    ],
    ids=["bedrock", "strands ts", "genkit", "gemini", "haystack", "vercel", "langchaingo", "go"],
)
def test_a_call_of_a_tool_in_any_shape(part: dict[str, Any]) -> None:
    found = messages_of([{"role": "assistant", "content": [part]}])
    assert found[0]["parts"] == [
        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": ARGUMENTS}
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "user", "tool_call_id": "c1", "content": "sunny"},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}}],
        },
        {"role": "tool", "content": [{"toolResponse": {"ref": "c1", "output": "sunny"}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}],
        },
        {"type": "TOOL_EXECUTION_RESULT", "id": "c1", "text": "sunny"},
        {
            "role": "tool",
            "parts": [
                {
                    "type": "tool_response",
                    "tool_response": {"tool_call_id": "c1", "content": "sunny"},
                }
            ],
        },
    ],
    ids=["openai", "anthropic in openinference", "bedrock", "genkit", "anthropic", "java", "go"],
)
def test_the_answer_of_a_tool_is_nobodys_words(message: dict[str, Any]) -> None:
    (part,) = messages_of([message])[0]["parts"]
    assert (part["type"], part["id"], part["response"]) == ("tool_call_response", "c1", "sunny")


def test_messages_of_langchain4j() -> None:
    found = messages_of(
        [
            {"type": "SYSTEM", "text": "Be brief."},
            {"type": "USER", "contents": [{"type": "TEXT", "text": "Weather?"}]},
            {
                "type": "AI",
                "toolExecutionRequests": [{"id": "c1", "name": "weather", "arguments": TEXT}],
            },
        ]
    )
    assert [message["role"] for message in found] == ["system", "user", "assistant"]
    assert found[2]["parts"][0]["arguments"] == ARGUMENTS


@pytest.mark.parametrize(
    "given",
    [
        {"args": [], "sanitize_inputs_outputs": True, "kwargs": ARGUMENTS},
        {"args": [TEXT]},
        {"tool_name": "weather", "arguments": ARGUMENTS},
        {"input": TEXT},
        ARGUMENTS,
        TEXT,
    ],
)
def test_wrappers_off_arguments(given: Any) -> None:
    assert json.loads(arguments(given)) == ARGUMENTS


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ('[{"text": "sunny"}]', "sunny"),
        ('[{"json": {"sky": "blue"}}]', '{"sky":"blue"}'),
        ('{"output": "sunny"}', "sunny"),
        ('"sunny"', "sunny"),
        ('{"sky": "blue"}', '{"sky": "blue"}'),
    ],
)
def test_wrappers_off_results(given: str, result: str) -> None:
    assert tool_result(given) == result


def test_wrappers_off_tasks() -> None:
    task = {"task": "Weather?", "stream": False, "reset": True, "images": None, "max_steps": 5}
    assert readable(json.dumps(task)) == "Weather?"
    crew = {"raw": "Sunny.", "pydantic": None, "tasks_output": [{"raw": "Sunny."}]}
    assert readable(json.dumps(crew)) == "Sunny."
    assert readable('{"query": "a", "filter": "b"}') == '{"query":"a","filter":"b"}'


@pytest.mark.parametrize(
    "definition",
    [
        {"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}},
        {
            "type": "haystack.tools.tool.Tool",
            "data": {"name": "weather", "parameters": {"type": "object"}},
        },
        {"name": "weather", "input_schema": {"type": "object"}},
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},
    ],
)
def test_definitions(definition: dict[str, Any]) -> None:
    assert tool_definitions([definition]) == [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    ]
    assert tool_definitions(["weather"]) == [{"type": "function", "name": "weather"}]


def test_one_known_attribute_does_not_hide_the_rest() -> None:
    span = row(
        {
            "llm.usage.prompt_tokens": 82,
            "llm.model": "gpt-4.1-mini",
            "llm.prompt": "Where is it?",
            "llm.completion": "On its way.",
            "sessionId": "s-1",
        }
    )
    assert (span.model, span.input_tokens) == ("gpt-4.1-mini", 82)
    assert (span.input, span.output, span.session_id) == ("Where is it?", "On its way.", "s-1")


def test_none_and_nothing_are_unknown() -> None:
    span = row(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.response.model": "none",
            "gen_ai.request.model": "gpt-4.1-mini",
            "gen_ai.usage.input_tokens": 0,
            "gen_ai.usage.output_tokens": 0,
            "gen_ai.usage.cost": 0.0,
        }
    )
    assert (span.model, span.input_tokens, span.cost_usd) == ("gpt-4.1-mini", None, None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["tool_use"], "tool_call"),
        ('["TOOL_CALLS"]', "tool_call"),
        ("tool-calls", "tool_call"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("pause_turn", "pause_turn"),
        ("", ""),
    ],
)
def test_reasons_to_stop(said: Any, reason: str) -> None:
    assert finish_reason(said) == reason


def test_first_tokens_in_any_unit() -> None:
    assert milliseconds(0.25, 0, 900.0) == 250.0
    assert milliseconds(1093, 0, 1098.0) == 1093.0
    assert milliseconds('"1970-01-01T00:00:01.5Z"', 10**9, 900.0) == 500.0
    assert milliseconds("soon", 0, 900.0) is None


def test_what_is_ours_is_left_where_it_is() -> None:
    """Replay compares it with what a step is given, letter by letter."""
    attributes = {
        "openinference.span.kind": "AGENT",
        "input.value": "{}",
        "everyspan.step.arguments": '{"question":"When?"}',
        "everyspan.step.result": '"At nine."',
    }
    kept = row(attributes).attributes
    assert kept["everyspan.step.arguments"] == '{"question":"When?"}'
    assert kept["everyspan.step.result"] == '"At nine."'
