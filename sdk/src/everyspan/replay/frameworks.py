"""Where a framework has a way of its own to go back: LangGraph's checkpoints, LangChain's cache."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from everyspan.replay import entry as entries
from everyspan.replay import langchain, langgraph, langgraph_interrupts
from everyspan.replay.errors import ReplayError
from everyspan.replay.model_calls import ModelCalls
from everyspan.replay.session import Session
from everyspan.replay.spans import Run


@dataclass(frozen=True)
class Call:
    """The run to make; `how` says it in words, '' for a plain call of the entry."""

    make: Callable[[], Any]
    how: str = ""

    def __call__(self) -> Any:
        return self.make()


def caller(entry: entries.Entry, session: Session, given: Mapping[str, Any]) -> Call:
    """How to run the entry. Raises ReplayError."""
    if langgraph.is_graph(entry.target):
        return Call(*langgraph.run(entry.target, session, given))
    if session.resume:
        raise ReplayError("--resume answers the interrupt() of an entry that is a LangGraph graph")
    keywords = entries.arguments(entry, session.trace, given)
    return Call(lambda: entries.call(entry.target, keywords))


@contextmanager
def recorded_answers(session: Session, calls: ModelCalls, run: Run) -> Iterator[None]:
    """LangChain, where the agent uses it, asks the record before it calls a model or a tool."""
    recorded = any("langchain" in step.scope for step in session.trace.steps)
    installed = recorded and importlib.util.find_spec("langchain_core") is not None
    if "langchain_core" not in sys.modules and not installed:
        yield
        return
    with (
        langchain.models(calls, run),
        langchain.tools(session, run),
        langgraph_interrupts.watched(session),
    ):
        yield
