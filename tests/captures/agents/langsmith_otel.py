"""Agent traced with LangSmith's SDK, exported by OpenTelemetry only.

Usage: langsmith_otel.py {tool_call|tool_error}
Needs LANGSMITH_TRACING=true LANGSMITH_OTEL_ENABLED=true LANGSMITH_OTEL_ONLY=true and
OTEL_EXPORTER_OTLP_ENDPOINT.
"""

import json
import sys

import openai
from langsmith import Client, traceable
from langsmith.wrappers import wrap_openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SCENARIO = sys.argv[1]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
client = wrap_openai(openai.OpenAI(max_retries=0))


@traceable(run_type="tool")
def get_weather(city: str) -> dict[str, object]:
    if SCENARIO == "tool_error":
        raise LookupError(f"no station for {city}")
    return {"city": city, "celsius": 18, "sky": "sunny"}


@traceable(run_type="retriever")
def search_stations(query: str) -> list[dict[str, object]]:
    return [
        {"page_content": "Paris-Montsouris", "type": "Document", "metadata": {"score": 0.9}},
        {"page_content": "Paris-Orly", "type": "Document", "metadata": {"score": 0.7}},
    ]


@traceable(run_type="chain", name="weather-agent")
def agent(question: str) -> str:
    search_stations("stations near Paris")
    messages = [
        {"role": "system", "content": "You answer questions about the weather."},
        {"role": "user", "content": question},
    ]
    first = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    result = get_weather(**json.loads(call.function.arguments))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})
    second = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS)
    return second.choices[0].message.content


try:
    agent(
        "What is the weather in Paris?",
        langsmith_extra={"metadata": {"session_id": "session-42", "user_id": "user-7"}},
    )
except LookupError as error:
    print(error)
Client().flush()
from langsmith.run_trees import get_cached_client  # noqa: E402

get_cached_client().flush()
provider.shutdown()
