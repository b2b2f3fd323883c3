"""Calls models under two instrumentations at once and writes the OTLP request of it to a file.

Usage: agent_of_two.py SCENARIO BASE_URL FILE, as a process of its own: instrumentations are global.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

BASE_URL = sys.argv[2]
os.environ |= {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "ANTHROPIC_OPEN_TELEMETRY": "1",
    "OPENAI_API_KEY": "none",
    "ANTHROPIC_API_KEY": "none",
}

exporter = InMemorySpanExporter()
provider = TracerProvider(resource=Resource.create({"service.name": "pair"}))
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)


def langchain() -> None:
    """OpenInference's LangChain over OpenTelemetry's OpenAI, as the SDK turns on."""
    from openinference.instrumentation.langchain import LangChainInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    LangChainInstrumentor().instrument()
    OpenAIInstrumentor().instrument()


def chat_model() -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-4o-mini", base_url=BASE_URL, max_retries=0, stream_usage=True)


def agent(stream: bool) -> None:
    """A LangGraph agent with a tool: two calls."""
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import tool
    from langgraph.graph import START, MessagesState, StateGraph

    @tool
    def get_weather(city: str) -> str:
        """Current weather of a city."""
        return f"18 degrees in {city}"

    model = chat_model().bind_tools([get_weather])

    def think(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    def act(state: Any) -> Any:
        (call,) = state["messages"][-1].tool_calls
        result = get_weather.invoke(call["args"])
        return {"messages": [ToolMessage(result, tool_call_id=call["id"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda state: "act" if state["messages"][-1].tool_calls else "__end__"
    )
    graph.add_edge("act", "think")
    compiled = graph.compile()
    question: Any = {"messages": [("user", "Weather in Paris?")]}
    options: Any = {"metadata": {"session_id": "s-1", "user_id": "u-1"}}
    if stream:
        list(compiled.stream(question, options, stream_mode="messages"))
    else:
        compiled.invoke(question, options)


def chain(stream: bool) -> None:
    """A model without an agent, five times: each a trace of LangChain's and one of the client's."""
    for _ in range(5):
        if stream:
            list(chat_model().stream("What is the capital of France?"))
        else:
            chat_model().invoke("What is the capital of France?")


def anthropic(stream: bool) -> None:
    """The SDK that traces itself under OpenLLMetry's instrumentation, twice."""
    from anthropic import Anthropic
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument()
    client = Anthropic(base_url=BASE_URL)
    for known in ("", "5 years"):
        answer: Any = client.messages.create(
            model="claude-sonnet-4-5",
            max_tokens=99,
            messages=[{"role": "user", "content": f"tool_result {known}"}],
            stream=stream,
        )
        if stream:
            list(answer)


SCENARIOS: dict[str, tuple[Callable[[bool], None], Callable[[], None], bool]] = {
    "agent": (agent, langchain, False),
    "agent-streamed": (agent, langchain, True),
    "model": (chain, langchain, False),
    "model-streamed": (chain, langchain, True),
    "anthropic": (anthropic, lambda: None, False),
    "anthropic-streamed": (anthropic, lambda: None, True),
}

if __name__ == "__main__":
    scenario, instrument, streamed = SCENARIOS[sys.argv[1]]
    instrument()
    scenario(streamed)
    spans = exporter.get_finished_spans()
    Path(sys.argv[3]).write_bytes(encode_spans(spans).SerializeToString())
