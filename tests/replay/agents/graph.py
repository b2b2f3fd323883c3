"""A LangGraph agent as its users write them: state, nodes, a ToolNode, a checkpointer on disk.

    python -m tests.replay.agents.graph THREAD

CHECKPOINTS names the SQLite file; without it the graph keeps nothing. CALLS names a file that gets
a line for each call of a node or tool.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from typing import Annotated, Any, TypedDict

import everyspan
from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition

from tests.replay.agents.roots import print_roots
from tests.replay.model import HEADERS, QUESTION, SYSTEM, called

everyspan.init(service="graph-agent")


class State(TypedDict, total=False):
    question: str
    documents: list[str]
    messages: Annotated[list[AnyMessage], add_messages]


@tool
def get_order(order_id: str) -> dict[str, Any]:
    """Status and date of an order."""
    called(f"get_order {order_id}")
    return {"order_id": order_id, "placed": "2026-11-02"}


def retrieve(state: State) -> State:
    called("retrieve")
    return {"documents": ["The guarantee of Ridge tents: see the card."]}


def prompt(state: State) -> State:
    called("prompt")
    told = "\n".join(state["documents"])
    return {"messages": [SystemMessage(SYSTEM), HumanMessage(f"Help pages:\n{told}\n\n{QUESTION}")]}


def model(state: State) -> State:
    called("model")
    chat = ChatOpenAI(model="gpt-4.1-mini", default_headers=HEADERS, max_retries=0)
    return {"messages": [chat.bind_tools([get_order]).invoke(state["messages"])]}


def build() -> StateGraph[State]:
    made = StateGraph(State)
    made.add_node("retrieve", retrieve)
    made.add_node("prompt", prompt)
    made.add_node("model", model)
    made.add_node("tools", ToolNode([get_order]))
    made.add_edge(START, "retrieve")
    made.add_edge("retrieve", "prompt")
    made.add_edge("prompt", "model")
    made.add_conditional_edges("model", tools_condition, {"tools": "tools", END: END})
    made.add_edge("tools", "model")
    return made


_kept = os.environ.get("CHECKPOINTS")
graph = build().compile(
    checkpointer=SqliteSaver(sqlite3.connect(_kept, check_same_thread=False)) if _kept else None
)


if __name__ == "__main__":
    print_roots()
    config: Any = {"configurable": {"thread_id": sys.argv[1]}}
    answer = graph.invoke({"question": QUESTION}, config)
    print(answer["messages"][-1].content)
    everyspan.flush()
