"""Messages of every shape come out in OpenTelemetry's form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest.conventions.messages import answered, asked, final_answer, is_native, messages_of

CALL = {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
NATIVE: list[dict[str, Any]] = [
    {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
    {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
    {"role": "assistant", "parts": [CALL]},
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "18 C"}]},
    {"role": "assistant", "parts": [{"type": "text", "content": "18 degrees."}]},
]
OPENAI_CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
}

SHAPES: dict[str, Any] = {
    "opentelemetry": NATIVE,
    "openai chat": {
        "model": "gpt-4o",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
            {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "18 C"},
            {"role": "assistant", "content": "18 degrees."},
        ],
    },
    "openai responses": {
        "model": "gpt-4o",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "weather",
                "arguments": '{"city":"Paris"}',
            },
            {"type": "function_call_output", "call_id": "c1", "output": "18 C"},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "18 degrees."}],
            },
        ],
    },
    "anthropic": {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Paris"}}
                ],
            },
            {
                "role": "tool",
                "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "18 C"}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "18 degrees."}]},
        ],
    },
    "langchain dumped": [
        [
            {
                "lc": 1,
                "type": "constructor",
                "id": ["x", "SystemMessage"],
                "kwargs": {"content": "Be brief."},
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["x", "HumanMessage"],
                "kwargs": {"content": "Weather?"},
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["x", "AIMessage"],
                "kwargs": {
                    "content": "",
                    "tool_calls": [{"name": "weather", "args": {"city": "Paris"}, "id": "c1"}],
                },
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["x", "ToolMessage"],
                "kwargs": {"content": "18 C", "tool_call_id": "c1"},
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["x", "AIMessage"],
                "kwargs": {"content": "18 degrees."},
            },
        ]
    ],
    "langchain data": {
        "messages": [
            {"type": "system", "data": {"content": "Be brief."}},
            {"type": "human", "data": {"content": "Weather?"}},
            {
                "type": "ai",
                "data": {
                    "content": "",
                    "tool_calls": [{"name": "weather", "args": {"city": "Paris"}, "id": "c1"}],
                },
            },
            {"type": "tool", "data": {"content": "18 C", "tool_call_id": "c1"}},
            {"type": "ai", "data": {"content": "18 degrees."}},
        ]
    },
    "vercel": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {
                    "type": "tool-call",
                    "toolCallId": "c1",
                    "toolName": "weather",
                    "input": {"city": "Paris"},
                }
            ],
        },
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "c1",
                    "output": {"type": "text", "value": "18 C"},
                }
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "18 degrees."}]},
    ],
    "pydantic ai": [
        {
            "kind": "request",
            "parts": [
                {"part_kind": "system-prompt", "content": "Be brief."},
                {"part_kind": "user-prompt", "content": "Weather?"},
            ],
        },
        {
            "kind": "response",
            "parts": [
                {
                    "part_kind": "tool-call",
                    "tool_name": "weather",
                    "args": '{"city":"Paris"}',
                    "tool_call_id": "c1",
                }
            ],
        },
        {
            "kind": "request",
            "parts": [{"part_kind": "tool-return", "content": "18 C", "tool_call_id": "c1"}],
        },
        {"kind": "response", "parts": [{"part_kind": "text", "content": "18 degrees."}]},
    ],
    "events up to 1.36": [
        {"event.name": "gen_ai.system.message", "content": "Be brief."},
        {"event.name": "gen_ai.user.message", "content": "Weather?"},
        {"event.name": "gen_ai.assistant.message", "tool_calls": [OPENAI_CALL]},
        {"event.name": "gen_ai.tool.message", "id": "c1", "content": "18 C"},
        {
            "event.name": "gen_ai.choice",
            "index": 0,
            "message": {"role": "assistant", "content": "18 degrees."},
        },
    ],
    "tuples": [["system", "Be brief."], ["human", "Weather?"]],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("as_text", [False, True], ids=["data", "json"])
def test_shapes(shape: str, as_text: bool) -> None:
    value = json.dumps(SHAPES[shape]) if as_text else SHAPES[shape]
    found = messages_of(value)
    assert found == (NATIVE[:2] if shape == "tuples" else NATIVE)
    assert is_native(found)


def test_gemini_and_bedrock_name_parts_by_their_key() -> None:
    gemini = {
        "contents": [
            {"role": "user", "parts": [{"text": "Weather?"}]},
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Paris"}}}
                ],
            },
        ]
    }
    assert messages_of(gemini) == [NATIVE[1], NATIVE[2]]
    bedrock = {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Paris"}}}
                ],
            }
        }
    }
    assert messages_of(bedrock, "assistant") == [NATIVE[2]]


@pytest.mark.parametrize(
    "value",
    [
        "plain text",
        "",
        None,
        5,
        {"city": "Paris"},
        '{"city": "Paris"}',
        "[1, 2]",
        [],
        '"x"',
        "{broken",
    ],
)
def test_what_is_no_message_is_none(value: Any) -> None:
    assert messages_of(value) == []


def test_nesting_without_end_ends() -> None:
    value: Any = {"role": "user", "content": "deep"}
    for _ in range(500):
        value = {"messages": [value]}
    assert messages_of(value) == []
    assert messages_of("[" * 2_000 + "]" * 2_000) == []


def test_what_was_asked_and_answered() -> None:
    assert asked(NATIVE) == "Weather?"
    assert asked(NATIVE[3:4]) == "18 C"
    assert answered(NATIVE[4:]) == "18 degrees."
    assert json.loads(answered(NATIVE[2:3])) == [
        {"id": "c1", "name": "weather", "arguments": {"city": "Paris"}}
    ]
    assert final_answer(NATIVE) == "18 degrees."
