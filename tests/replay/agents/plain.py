"""Agents on the OpenAI and Anthropic SDKs without a decorator of ours; OpenTelemetry as anybody's.

    python -m tests.replay.agents.plain chat|stream|anthropic|broken|responses|responses_chained

prints the trace id.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import everyspan
from opentelemetry import trace

from tests.replay.agents.roots import print_roots
from tests.replay.model import HEADERS, QUESTION, SYSTEM, called

everyspan.init(service="plain-agent")
tracer = trace.get_tracer("shop.assistant")

DOCUMENT = "The guarantee of Ridge tents: see the card."
ASKED = f"Help pages:\n{DOCUMENT}\n\n{QUESTION}"
PARAMETERS = {"type": "object", "properties": {"order_id": {"type": "string"}}}
TOOL: Any = {"type": "function", "function": {"name": "get_order", "parameters": PARAMETERS}}
ANTHROPIC_TOOL: Any = {"name": "get_order", "input_schema": PARAMETERS}


def get_order(order_id: str) -> str:
    called(f"get_order {order_id}")
    return json.dumps({"order_id": order_id, "placed": "2026-11-02"})


def chat() -> str:
    """Chat completions until the model calls no more tools."""
    from openai import OpenAI

    client = OpenAI(default_headers=HEADERS, max_retries=0)
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": ASKED},
    ]
    with tracer.start_as_current_span("handle request"):
        while True:
            answer = client.chat.completions.create(
                model="gpt-4.1-mini", messages=messages, tools=[TOOL], temperature=0.2
            )
            message = answer.choices[0].message
            if not message.tool_calls:
                return str(message.content)
            messages.append(message)
            for call in message.tool_calls:
                result = get_order(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})


def stream() -> str:
    """The same, streamed."""
    from openai import OpenAI

    client = OpenAI(default_headers=HEADERS, max_retries=0)
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    with tracer.start_as_current_span("handle request"):
        while True:
            text, calls = "", {}
            for chunk in client.chat.completions.create(
                model="gpt-4.1-mini",
                messages=messages,
                tools=[TOOL],
                stream=True,
                stream_options={"include_usage": True},
            ):
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    for part in choice.delta.tool_calls or []:
                        made = calls.setdefault(part.index, {"id": part.id, "name": "", "args": ""})
                        made["name"] += part.function.name or ""
                        made["args"] += part.function.arguments or ""
            if not calls:
                return text
            asked = [
                {
                    "id": c["id"],
                    "type": "function",
                    "function": {"name": c["name"], "arguments": c["args"]},
                }
                for c in calls.values()
            ]
            messages.append({"role": "assistant", "content": None, "tool_calls": asked})
            for call in calls.values():
                result = called(f"{call['name']} {call['args']}") or "18 degrees"
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})


def anthropic() -> str:
    """Anthropic messages: a tool turn, then the answer as a stream."""
    from anthropic import Anthropic

    client = Anthropic(max_retries=0)
    messages: list[Any] = [{"role": "user", "content": ASKED}]
    given: Any = {"model": "claude-sonnet-4-5", "max_tokens": 200, "system": SYSTEM}
    with tracer.start_as_current_span("handle request"):
        first = client.messages.create(messages=messages, tools=[ANTHROPIC_TOOL], **given)
        messages.append({"role": "assistant", "content": first.content})
        results = [
            {"type": "tool_result", "tool_use_id": b.id, "content": get_order(**b.input)}
            for b in first.content
            if b.type == "tool_use"
        ]
        messages.append({"role": "user", "content": results})
        text = ""
        with client.messages.create(
            messages=messages, tools=[ANTHROPIC_TOOL], stream=True, **given
        ) as events:
            for event in events:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    text += event.delta.text
        return text


def broken() -> str:
    """A model that is not there, then one that is."""
    from openai import NotFoundError, OpenAI

    client = OpenAI(default_headers=HEADERS, max_retries=0)
    messages: Any = [{"role": "user", "content": "Hello"}]
    with tracer.start_as_current_span("handle request"):
        try:
            client.chat.completions.create(model="gpt-missing", messages=messages)
        except NotFoundError as error:
            called(f"not found: {error.status_code}")
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        return str(answer.choices[0].message.content)


RESPONSES_TOOL: Any = {"type": "function", "name": "get_order", "parameters": PARAMETERS}


def responses(chained: bool = False) -> str:
    """OpenAI's Responses API: all that the model put out goes back to it."""
    from openai import OpenAI

    client = OpenAI(max_retries=0)
    items: list[Any] = [{"role": "user", "content": ASKED}]
    before: dict[str, Any] = {}
    with tracer.start_as_current_span("handle request"):
        while True:
            answer = client.responses.create(
                model="gpt-5-mini",
                instructions=SYSTEM,
                input=items,
                tools=[RESPONSES_TOOL],
                **before,
            )
            calls = [item for item in answer.output if item.type == "function_call"]
            if not calls:
                return answer.output_text
            if chained:
                before, items = {"previous_response_id": answer.id}, []
            else:
                items += answer.output
            for call in calls:
                result = get_order(**json.loads(call.arguments))
                made = {"type": "function_call_output", "call_id": call.call_id, "output": result}
                items.append(made)


def responses_chained() -> str:
    """The same, with the conversation kept by the provider."""
    return responses(chained=True)


AGENTS: dict[str, Callable[[], str]] = {
    f.__name__: f for f in (chat, stream, anthropic, broken, responses, responses_chained)
}

if __name__ == "__main__":
    print_roots()
    AGENTS[sys.argv[1]]()
    everyspan.flush()
