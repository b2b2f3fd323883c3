"""Direct calls of the OpenAI client, a hand-written tool loop around them.

Usage: openai_calls.py {openai-v2|genai-openai|openinference|traceloop|traceloop-events}
                       {tool_call|stream|responses|embeddings|error}
``tool_call`` wraps the loop in one plain span (`handle question`) and the tool in another.
Reads OPENAI_BASE_URL, OPENAI_API_KEY and the OTLP exporters' environment.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import telemetry
from openai import NotFoundError, OpenAI
from opentelemetry import trace

MODEL = "gpt-4o-mini"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
FUNCTION = {
    "name": "get_weather",
    "description": "Current weather of a city.",
    "parameters": PARAMETERS,
}
CHAT_TOOL: Any = {"type": "function", "function": FUNCTION}
RESPONSES_TOOL: Any = {"type": "function", "strict": False, **FUNCTION}


def instrument(library: str) -> None:
    """Turn on one instrumentation of the OpenAI client."""
    if library == "openai-v2":
        from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    elif library == "genai-openai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    elif library == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    elif library.startswith("traceloop"):
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    else:
        raise SystemExit(f"unknown instrumentation {library!r}")
    how = {"use_attributes": False} if library == "traceloop-events" else {}
    OpenAIInstrumentor(**how).instrument()


def tool_call(client: OpenAI) -> None:
    """Model asks for a tool, the tool runs, model answers."""
    tracer = trace.get_tracer("weather-app")
    messages: list[Any] = [
        {"role": "system", "content": telemetry.SYSTEM},
        {"role": "user", "content": telemetry.QUESTION},
    ]
    with tracer.start_as_current_span("handle question"):
        first = client.chat.completions.create(
            model=MODEL, messages=messages, tools=[CHAT_TOOL], temperature=0.2, max_tokens=200
        )
        message = first.choices[0].message
        messages.append(message)
        for call in message.tool_calls or []:
            with tracer.start_as_current_span("lookup"):
                result = telemetry.weather(**json.loads(call.function.arguments))
            content = json.dumps(result)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
        second = client.chat.completions.create(
            model=MODEL, messages=messages, tools=[CHAT_TOOL], temperature=0.2, max_tokens=200
        )
        print(second.choices[0].message.content)


def stream(client: OpenAI) -> None:
    """Two streams with usage: one that asks for a tool, one of plain text."""
    user: Any = {"role": "user", "content": telemetry.QUESTION}
    for tools in ([CHAT_TOOL], None):
        extra = {"tools": tools} if tools else {}
        chunks: Any = client.chat.completions.create(
            model=MODEL,
            messages=[user],
            stream=True,
            stream_options={"include_usage": True},
            **extra,
        )
        for chunk in chunks:
            print(chunk.choices[0].delta if chunk.choices else chunk.usage)


def responses(client: OpenAI) -> None:
    """Responses API: a tool turn, then the final turn as a stream."""
    first: Any = client.responses.create(
        model=MODEL,
        instructions=telemetry.SYSTEM,
        input=telemetry.QUESTION,
        tools=[RESPONSES_TOOL],
    )
    call = first.output[0]
    result = json.dumps(telemetry.weather(**json.loads(call.arguments)))
    items: Any = [
        {"role": "user", "content": telemetry.QUESTION},
        {
            "type": "function_call",
            "call_id": call.call_id,
            "name": call.name,
            "arguments": call.arguments,
        },
        {"type": "function_call_output", "call_id": call.call_id, "output": result},
    ]
    for event in client.responses.create(
        model=MODEL,
        instructions=telemetry.SYSTEM,
        input=items,
        tools=[RESPONSES_TOOL],
        stream=True,
    ):
        print(event.type)


def embeddings(client: OpenAI) -> None:
    """Embeds two texts in one call."""
    client.embeddings.create(model="text-embedding-3-small", input=list(telemetry.DOCUMENTS[:2]))


def error(client: OpenAI) -> None:
    """A model that does not exist: 404."""
    try:
        client.chat.completions.create(
            model="gpt-missing", messages=[{"role": "user", "content": telemetry.QUESTION}]
        )
    except NotFoundError as failure:
        print("expected:", failure)


SCENARIOS = {f.__name__: f for f in (tool_call, stream, responses, embeddings, error)}

if __name__ == "__main__":
    telemetry.configure()
    instrument(sys.argv[1])
    SCENARIOS[sys.argv[2]](OpenAI(max_retries=0))
