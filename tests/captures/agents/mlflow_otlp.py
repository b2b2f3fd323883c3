"""Agent traced with MLflow (openai autolog + @mlflow.trace), exported over OTLP.

Usage: mlflow_otlp.py {tool_call|tool_error}
Needs OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf;
MLFLOW_ENABLE_OTEL_GENAI_SEMCONV=true turns MLflow's names into gen_ai.* ones.
"""

import json
import sys

import mlflow
import openai
from mlflow.entities import Document, SpanType

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
mlflow.openai.autolog()
client = openai.OpenAI(max_retries=0)


@mlflow.trace(span_type=SpanType.TOOL)
def get_weather(city: str) -> dict[str, object]:
    if SCENARIO == "tool_error":
        raise LookupError(f"no station for {city}")
    return {"city": city, "celsius": 18, "sky": "sunny"}


@mlflow.trace(span_type=SpanType.RETRIEVER)
def search_stations(query: str) -> list[Document]:
    return [
        Document(page_content="Paris-Montsouris", metadata={"score": 0.9}, id="s1"),
        Document(page_content="Paris-Orly", metadata={"score": 0.7}, id="s2"),
    ]


@mlflow.trace(name="weather-agent", span_type=SpanType.AGENT)
def agent(question: str) -> str:
    mlflow.update_current_trace(
        metadata={"mlflow.trace.session": "session-42", "mlflow.trace.user": "user-7"}
    )
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
    agent("What is the weather in Paris?")
except LookupError as error:
    print(error)
mlflow.flush_trace_async_logging()
