"""OpenAI Agents SDK agent with one tool, traced by the instrumentation named in argv[1].

Usage: openai_agents.py {openinference|traceloop|official} {tool_call|tool_error|llm_error}
Reads OPENAI_BASE_URL, OPENAI_API_KEY and OTEL_EXPORTER_OTLP_ENDPOINT.
"""

import asyncio
import sys
from typing import Any

import agents
from openai import AsyncOpenAI
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def instrument(flavour: str, provider: TracerProvider) -> None:
    if flavour == "openinference":
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

        OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    elif flavour in ("traceloop", "official"):  # two distributions, one module path
        from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor

        OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
        agents.set_trace_processors(
            [p for p in processors() if type(p).__name__ != "BatchTraceProcessor"]
        )
    else:
        raise SystemExit(f"unknown instrumentation {flavour!r}")


def processors() -> list[Any]:
    """Trace processors registered so far; the SDK's own one would post to api.openai.com."""
    from agents.tracing import get_trace_provider

    return list(get_trace_provider()._multi_processor._processors)


def main(flavour: str, scenario: str) -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logs)
    instrument(flavour, provider)
    agents.set_default_openai_client(AsyncOpenAI(max_retries=0), use_for_tracing=False)

    @agents.function_tool(failure_error_function=None)
    def get_weather(city: str) -> str:
        """Current weather of a city."""
        if scenario == "tool_error":
            raise RuntimeError(f"weather service has no station for {city}")
        return f"18 degrees and sunny in {city}"

    agent = agents.Agent(
        name="weather-agent",
        instructions="You answer questions about the weather.",
        model="gpt-limited" if scenario == "llm_error" else "gpt-4o-mini",
        tools=[get_weather],
    )
    question = "What is the weather in Paris?"
    config = agents.RunConfig(workflow_name="weather", group_id="session-42")
    try:
        print(asyncio.run(agents.Runner.run(agent, question, run_config=config)).final_output)
    except Exception as error:
        print(type(error).__name__, error)
    provider.shutdown()
    logs.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
