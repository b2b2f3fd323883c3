"""LangGraph: goes back by the graph's own checkpoints, in a copy that leaves them untouched.

A step's spans say the thread and the super-step. The checkpoint before that super-step is put into
memory, and the graph goes on from there: nodes before it don't run. Without a checkpoint the graph
runs from its start, and the record answers its model calls and tools.

See https://docs.langchain.com/oss/python/langgraph/use-time-travel
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from everyspan.replay import entry as entries
from everyspan.replay.changes import put
from everyspan.replay.errors import ReplayError
from everyspan.replay.record import Step, Trace
from everyspan.replay.session import Session

#: Keys of a checkpoint's metadata that LangGraph sets itself; the rest is the caller's.
_OWN = ("source", "step", "parents", "writes", "thread_id", "run_id", "checkpoint_ns")


def is_graph(target: Any) -> bool:
    """Whether it is a compiled graph."""
    return all(hasattr(target, name) for name in ("checkpointer", "channels", "nodes", "ainvoke"))


def run(graph: Any, session: Session, given: Mapping[str, Any]) -> tuple[Callable[[], Any], str]:
    """The call that runs the graph, and how it goes back. Raises ReplayError."""
    found, why = (None, "--argument gives another input") if given else _checkpoint(graph, session)
    if found is None:
        held = dict(given) or _input(graph, session.trace)
        thread = {"configurable": {"thread_id": "replay"}}
        made = graph.copy({"checkpointer": _memory()}) if _keeps(graph) else graph
        how = f"from the graph's start, as {why}; nodes that are no step run again"
        return (lambda: _invoke(made, held, thread)), how
    made, config = _fork(graph, found, session)
    number = found.metadata.get("step")
    thread = found.config["configurable"]["thread_id"]
    _in_checkpoint(session, int(number) + 1)
    how = f"from LangGraph's checkpoint of thread {thread} after its step {number}"
    return (lambda: _invoke(made, None, config)), how


def _checkpoint(graph: Any, session: Session) -> tuple[Any, str]:
    """`(the checkpoint before the chosen step or None, why there is none)`."""
    if not _keeps(graph):
        return None, "the graph is compiled without a checkpointer"
    thread, number = _place(session.step, "thread_id"), _super_step(session.step)
    thread = thread or _place(session.trace.root, "thread_id")
    if thread is None:
        return None, "the trace does not name a thread_id"
    began, ended = session.trace.root.start / 1e9, session.step.start / 1e9
    try:
        config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        for one in graph.checkpointer.list(config):  # the newest first
            at = datetime.fromisoformat(one.checkpoint["ts"]).timestamp()
            if number is None:
                # The graph as a whole: from its input.
                if one.metadata.get("source") == "input" and began <= at <= began + 1 + (
                    session.trace.seconds
                ):
                    return one, ""
            elif one.metadata.get("step") == number - 1 and at <= ended:
                return one, ""
    except Exception as error:  # any database, or a saver that is asynchronous only
        return None, f"its checkpoints can't be read ({type(error).__name__}: {error})"
    return None, f"the checkpointer has no checkpoint of thread {thread} before this step"


def _fork(graph: Any, found: Any, session: Session) -> tuple[Any, dict[str, Any]]:
    """The graph on a copy of the checkpoint, with the changes of the state."""
    checkpoint = copy.deepcopy(found.checkpoint)
    values = checkpoint["channel_values"]
    if session.step.kind != "llm":
        for change in session.changes.of_input():
            key = str(change.path[0])
            if key not in values:
                raise ReplayError(
                    f"--set {change.text}: the state before step {session.step.number} has no "
                    f"{key!r}; it has: {', '.join(k for k in values if ':' not in k) or 'nothing'}"
                )
            values[key] = put(values[key], change.path[1:], change.value, change.text)
            session.changes.used.add(change.text)
            session.changed = True
    memory = _memory()
    own = {
        key: value
        for key, value in found.metadata.items()
        if key not in _OWN and not key.startswith(("langgraph_", "ls_"))
    }
    place = {**own, "thread_id": "replay", "checkpoint_ns": ""}
    config = memory.put(
        {"configurable": place}, checkpoint, found.metadata, checkpoint["channel_versions"]
    )
    return graph.copy({"checkpointer": memory}), {"configurable": {**own, **config["configurable"]}}


def _in_checkpoint(session: Session, number: int) -> None:
    """Notes what the checkpoint holds: the steps of earlier super-steps."""
    held = [s for s in session.before if (_super_step(s) or number) < number]
    for step in held:
        session.used.add(step.number)
        session.covered.add(step.number)
        session.note(step.number, step.name, "record", "in the checkpoint")
    session.before = [step for step in session.before if step not in held]
    session.reached = not session.before


def _input(graph: Any, trace: Trace) -> Any:
    """What the graph was invoked with. Raises ReplayError."""
    held, text = entries.of_root(trace.root)
    if held:
        return held
    # Instrumentations show the only value of an input without its key; the first node has it.
    for step in trace.steps[1:]:
        state = _loaded(step.attribute("input.value"))
        for key, value in state.items() if isinstance(state, dict) else ():
            if value == text:
                return {key: value}
    if "messages" in graph.channels and isinstance(text, str):
        return {"messages": [("user", text)]}
    raise ReplayError(
        "the trace does not say what the graph was invoked with; give --argument KEY=…"
    )


def _invoke(graph: Any, given: Any, config: Any) -> Any:
    alone = any(
        getattr(node.bound, "func", True) is None and getattr(node.bound, "afunc", None) is not None
        for node in graph.nodes.values()
    )
    if alone:  # nodes that are coroutines only
        return asyncio.run(graph.ainvoke(given, config))
    return graph.invoke(given, config)


def _keeps(graph: Any) -> bool:
    return hasattr(graph.checkpointer, "list")


def _memory() -> Any:
    return import_module("langgraph.checkpoint.memory").InMemorySaver(serde=_Kept())


class _Kept:
    """A serialiser that keeps copies of the objects themselves.

    LangGraph's own makes objects of what it reads, and what it reads here comes from a trace.
    """

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        self._objects.append(_copied(obj))
        return "kept", str(len(self._objects) - 1).encode()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        return _copied(self._objects[int(data[1])])


def _copied(obj: Any) -> Any:
    try:
        return copy.deepcopy(obj)
    except Exception:  # a lock, a client
        return obj


def _super_step(step: Step) -> int | None:
    found = _place(step, "langgraph_step")
    return int(found) if found is not None and found.isdigit() else None


def _place(step: Step, name: str) -> str | None:
    """`thread_id` or `langgraph_step` of a step, whichever instrumentation recorded it."""
    for held in _metadata(step):
        if held.get(name) is not None:
            return str(held[name])
    return None


def _metadata(step: Step) -> Iterator[Mapping[str, Any]]:
    held = _loaded(step.attributes.get("metadata"))
    if isinstance(held, dict):
        yield held
    prefix = "traceloop.association.properties."
    yield {k[len(prefix) :]: v for k, v in step.attributes.items() if k.startswith(prefix)}


def _loaded(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
