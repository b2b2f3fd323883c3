"""LiteLLM as a library with its OpenTelemetry callback: a tool call, an answer, an error.

Usage: litellm_callback.py {chat|error|chat_in_span|chat_with_openai}
chat_in_span: a span of the caller's own is around both calls; LiteLLM then writes on that span.
chat_with_openai: the same with OpenInference's OpenAI instrumentation on, so that each model call
is reported twice.
Needs OTEL_EXPORTER=otlp_http OTEL_ENDPOINT=<base>.
"""

import sys
import time

import litellm
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

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
SCENARIO = sys.argv[1]
MODEL = "openai/gpt-limited" if SCENARIO == "error" else "openai/gpt-4o-mini"


def ask() -> None:
    for tools in (TOOLS, None):
        try:
            litellm.completion(
                model=MODEL,
                messages=[
                    {"role": "system", "content": "You answer questions about the weather."},
                    {"role": "user", "content": "What is the weather in Paris?"},
                ],
                tools=tools,
                user="user-7",
                metadata={"session_id": "session-42"},
                num_retries=0,
                max_retries=0,
            )
        except litellm.RateLimitError as error:
            print(type(error).__name__)
            return
        if SCENARIO == "chat_in_span":
            time.sleep(1)  # LiteLLM reports from a thread; here before the caller's span ends


if SCENARIO in ("chat_in_span", "chat_with_openai"):
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    if SCENARIO == "chat_with_openai":
        from openinference.instrumentation.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=provider)
    litellm.callbacks = ["otel"]
    with trace.get_tracer("weather.agent").start_as_current_span("handle_question"):
        ask()
else:
    litellm.callbacks = ["otel"]
    ask()
time.sleep(7)  # it exports on the batch timer
getattr(trace.get_tracer_provider(), "shutdown", lambda: None)()
