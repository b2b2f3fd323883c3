"""A LangGraph agent with a subgraph, branches side by side and a person who is asked.

    python -m tests.replay.agents.approval THREAD [ANSWER]

CHECKPOINTS names the SQLite file; ASYNCHRONOUS=1 takes the saver and the nodes that are coroutines
only. CALLS names a file that gets a line for each call of a node or tool.
"""

from __future__ import annotations

import asyncio
import operator
import os
import sqlite3
import sys
from typing import Annotated, Any, TypedDict

import everyspan
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from tests.replay.agents.roots import print_roots
from tests.replay.model import called

everyspan.init(service="approval-agent", instrument=["langchain"])
ASYNCHRONOUS = os.environ.get("ASYNCHRONOUS") == "1"


class State(TypedDict, total=False):
    order: str
    told: Annotated[list[str], operator.add]


def _tool(name: str) -> Any:
    @tool(name)
    def one(order: str) -> str:
        """Something about an order."""
        called(f"{name} {order}")
        return f"{name} of {order}"

    return one


TOOLS = {name: _tool(name) for name in ("get_order", "pay", "stock", "mail", "send")}


def node(name: str) -> Any:
    """A node of that tool alone."""

    def run(state: State) -> State:
        called(f"node {name}")
        if name == "send" and os.environ.get("LOOKS_AGAIN"):
            TOOLS["get_order"].invoke({"order": state["order"]})
        return {"told": [TOOLS[name].invoke({"order": state["order"]})]}

    async def arun(state: State) -> State:
        called(f"node {name}")
        return {"told": [await TOOLS[name].ainvoke({"order": state["order"]})]}

    return arun if ASYNCHRONOUS else run


def look_up(state: State) -> State:
    called("node look_up")
    return {"order": state["order"].upper()}


def gate(state: State) -> State:
    called("node gate")
    answer = interrupt({"send": state["order"]})
    return {"told": [f"the person says {answer}"]}


def build() -> StateGraph[State]:
    inner = StateGraph(State)
    inner.add_node("get_order", node("get_order"))
    inner.add_node("pay", node("pay"))
    inner.add_edge(START, "get_order")
    inner.add_edge("get_order", "pay")
    inner.add_edge("pay", END)
    made = StateGraph(State)
    made.add_node("look_up", look_up)
    made.add_node("inner", inner.compile())
    made.add_edge(START, "look_up")
    made.add_edge("look_up", "inner")
    for name, made_node in (("stock", node("stock")), ("mail", node("mail")), ("gate", gate)):
        made.add_node(name, made_node)
        made.add_edge("inner", name)
    made.add_node("send", node("send"))
    made.add_edge(["stock", "mail", "gate"], "send")
    made.add_edge("send", END)
    return made


async def asynchronous(path: str) -> Any:
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    return build().compile(checkpointer=AsyncSqliteSaver(await aiosqlite.connect(path)))


_path = os.environ["CHECKPOINTS"]
graph = (
    asyncio.run(asynchronous(_path))
    if ASYNCHRONOUS
    else build().compile(checkpointer=SqliteSaver(sqlite3.connect(_path, check_same_thread=False)))
)


@everyspan.step(kind="agent")
def serve(order: str) -> str:
    """An agent that has its graph inside; it keeps nothing of it."""
    from langgraph.checkpoint.memory import InMemorySaver

    config: Any = {"configurable": {"thread_id": order}}
    found = build().compile(checkpointer=InMemorySaver()).invoke({"order": order}, config)
    return ", ".join(found["told"])


if __name__ == "__main__":
    print_roots()
    thread, *answer = sys.argv[1:]
    if thread == "serve":
        print(serve("lf-9"))
    else:
        given: Any = Command(resume=answer[0]) if answer else {"order": "lf-1"}
        config: Any = {"configurable": {"thread_id": thread}}
        if ASYNCHRONOUS:
            asyncio.run(graph.ainvoke(given, config))
        else:
            graph.invoke(given, config)
    everyspan.flush()
    if ASYNCHRONOUS:
        asyncio.run(graph.checkpointer.conn.close())
