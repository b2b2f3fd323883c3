"""A LangGraph agent (LangChain's ``create_agent``) and a retrieval graph.

Usage: langgraph_agent.py {openinference|traceloop}[+openai|+genai]
                          {tool_call|tool_error|retrieval|stream}
``+openai`` adds the same family's instrumentation of the OpenAI client, ``+genai`` that of
OpenTelemetry.
Reads OPENAI_BASE_URL, OPENAI_API_KEY and the OTLP exporters' environment.
"""

from __future__ import annotations

import sys
from typing import Any, TypedDict

import telemetry
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

THREAD: Any = {"configurable": {"thread_id": "thread-7"}}


def instrument(library: str) -> None:
    """Turn on the instrumentation of LangChain and of the client below it."""
    family, _, client = library.partition("+")
    if family == "openinference":
        from openinference.instrumentation.langchain import LangChainInstrumentor
    else:
        from opentelemetry.instrumentation.langchain import (
            LangchainInstrumentor as LangChainInstrumentor,
        )
    LangChainInstrumentor().instrument()
    if client == "genai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    elif client and family == "openinference":
        from openinference.instrumentation.openai import OpenAIInstrumentor
    elif client:
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    else:
        return
    OpenAIInstrumentor().instrument()


def model() -> ChatOpenAI:
    """The chat model; usage of streams has to be asked for with a base URL of one's own."""
    return ChatOpenAI(model="gpt-4o-mini", temperature=0.2, max_retries=0, stream_usage=True)


@tool
def get_weather(city: str) -> dict[str, Any]:
    """Current weather of a city."""
    return telemetry.weather(city)


@tool("get_weather")
def broken_weather(city: str) -> dict[str, Any]:
    """Current weather of a city."""
    return telemetry.weather("Atlantis")


def agent(weather_tool: Any) -> Any:
    """The agent, with memory so that the thread id is in the run's metadata."""
    return create_agent(
        model(),
        [weather_tool],
        system_prompt=telemetry.SYSTEM,
        checkpointer=InMemorySaver(),
        name="weather_agent",
    )


def ask() -> Any:
    """The agent's input."""
    return {"messages": [{"role": "user", "content": telemetry.QUESTION}]}


def tool_call() -> None:
    """Model, tool, model."""
    print(agent(get_weather).invoke(ask(), THREAD)["messages"][-1].content)


def stream() -> None:
    """The same, streamed token by token."""
    for part, _ in agent(get_weather).stream(ask(), THREAD, stream_mode="messages"):
        print(part.content)


def tool_error() -> None:
    """The tool raises and the run fails with it."""
    try:
        agent(broken_weather).invoke(ask(), THREAD)
    except ValueError as failure:
        print("expected:", failure)


class State(TypedDict, total=False):
    question: str
    context: str
    answer: str


def retrieval() -> None:
    """A graph of two nodes: retrieve two documents, answer from them."""
    embedder = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
    store = InMemoryVectorStore.from_texts(list(telemetry.DOCUMENTS), embedder)
    retriever = store.as_retriever(search_kwargs={"k": 2})

    def retrieve(state: State) -> State:
        found = retriever.invoke(state["question"])
        return {"context": "\n".join(d.page_content for d in found)}

    def generate(state: State) -> State:
        prompt = f"Answer from this text:\n{state['context']}\n\n{state['question']}"
        return {"answer": str(model().invoke(prompt).content)}

    graph = StateGraph(State)
    graph.add_node("retrieve", retrieve)
    graph.add_node("generate", generate)
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", "generate")
    graph.add_edge("generate", END)
    print(graph.compile(name="rag").invoke({"question": "When is a refund paid?"}))


SCENARIOS = {f.__name__: f for f in (tool_call, stream, tool_error, retrieval)}

if __name__ == "__main__":
    telemetry.configure()
    instrument(sys.argv[1])
    SCENARIOS[sys.argv[2]]()
