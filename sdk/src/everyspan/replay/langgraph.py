"""LangGraph: goes back by the graph's own checkpoints, in a copy that leaves them untouched.

A step's spans say the thread and the super-step. The checkpoint before that super-step is put into
memory, and the graph goes on from there: nodes before it don't run. A step of a subgraph goes back
to before the graph's own node around it: the subgraph runs from its start. Without a checkpoint the
graph does. In both the record answers the model calls and tools before the step.

See https://docs.langchain.com/oss/python/langgraph/use-time-travel
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from everyspan.replay import entry as entries
from everyspan.replay import langgraph_interrupts as interrupts
from everyspan.replay import langgraph_place as place
from everyspan.replay.changes import put
from everyspan.replay.errors import ReplayError
from everyspan.replay.langgraph_saver import checkpoints, keeps
from everyspan.replay.record import Trace
from everyspan.replay.session import Session

#: Keys of a checkpoint's metadata that LangGraph sets itself; the rest is the caller's.
_OWN = ("source", "step", "parents", "writes", "thread_id", "run_id", "checkpoint_ns")
#: What LangGraph notes of a task beside what it wrote.
_SIGNALS = ("__interrupt__", "__resume__", "__error__", "__no_writes__")


def is_graph(target: Any) -> bool:
    """Whether it is a compiled graph."""
    return all(hasattr(target, name) for name in ("checkpointer", "channels", "nodes", "ainvoke"))


def run(graph: Any, session: Session, given: Mapping[str, Any]) -> tuple[Callable[[], Any], str]:
    """The call that runs the graph, and how it goes back. Raises ReplayError."""
    found, why = (None, "--argument gives another input") if given else _checkpoint(graph, session)
    if found is None:
        if not given and interrupts.resumed(session.trace) is not None:
            raise ReplayError(
                "the recorded run began with an answer to an interrupt(), so it can only go on "
                f"from the graph's checkpoint, and {why}; give its input by --argument KEY=…"
            )
        held = dict(given) or _input(graph, session.trace)
        thread = {"configurable": {"thread_id": "replay"}}
        made = graph.copy({"checkpointer": _memory()}) if keeps(graph) else graph
        how = f"from the graph's start, as {why}; nodes that are no step run again"
        return (lambda: _through(made, held, thread, session, list(session.resume))), how
    made, config = _fork(graph, found, session)
    number = int(found.metadata["step"])
    thread = found.config["configurable"]["thread_id"]
    _in_checkpoint(session, number + 1)
    how = f"from LangGraph's checkpoint of thread {thread} after its step {number}"
    # The person's answer is in the record as well, where the recorded run began with it.
    again = (place.super_step(session.trace, session.step) or number + 1) == _first(session.trace)
    told = interrupts.answers(session.trace, found) if again else []
    answers = list(session.resume) or told
    if told:
        begin = interrupts.first(answers.pop(0))
        how += ", with the answer that it was given" if not session.resume else ""
    else:
        begin = None
    return (lambda: _through(made, begin, config, session, answers)), how


def _first(trace: Trace) -> int | None:
    """The graph's first super-step in the trace."""
    found = (place.super_step(trace, step) for step in trace.steps)
    return min((number for number in found if number is not None), default=None)


def _checkpoint(graph: Any, session: Session) -> tuple[Any, str]:
    """`(the checkpoint before the chosen step or None, why there is none)`."""
    if not keeps(graph):
        return None, "the graph is compiled without a checkpointer"
    trace = session.trace
    thread, number = place.thread(trace, session.step), place.super_step(trace, session.step)
    if thread is None:
        return None, "the trace does not name a thread_id"
    if number is None and place.is_inside(trace, session.step):
        return None, "the node of the graph that the step is inside of was never stored"
    began, ended = trace.root.start / 1e9, session.step.start / 1e9
    try:
        config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        for one in checkpoints(graph, config):
            at = datetime.fromisoformat(one.checkpoint["ts"]).timestamp()
            if number is None:
                # The graph as a whole: from its input.
                if one.metadata.get("source") == "input" and began <= at <= began + 1 + (
                    trace.seconds
                ):
                    return one, ""
            elif one.metadata.get("step") == number - 1 and at <= ended:
                return one, ""
    except Exception as error:  # any database
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
    at = {**own, "thread_id": "replay", "checkpoint_ns": ""}
    config: dict[str, Any] = {"configurable": at}
    put_at = memory.put(config, checkpoint, found.metadata, checkpoint["channel_versions"])
    made = graph.copy({"checkpointer": memory})
    _put_done(made, put_at, found, session)
    # Without the checkpoint's id: it is the thread's newest, and the run goes on from there.
    return made, config


def _put_done(made: Any, config: Any, found: Any, session: Session) -> None:
    """What branches beside the step had done before the recorded run, which was interrupted for
    another one of them: they are not in the trace, and don't run."""
    number = int(found.metadata["step"]) + 1
    ran = place.node_names(session.trace, number)
    for task in made.get_state(config).tasks:
        writes = [
            (channel, value)
            for of, channel, value in found.pending_writes or ()
            if of == task.id and channel not in _SIGNALS
        ]
        if writes and task.name not in ran:
            made.checkpointer.put_writes(config, writes, task.id)


def _in_checkpoint(session: Session, number: int) -> None:
    """Notes what the checkpoint holds: the steps of the graph's earlier super-steps."""
    placed = {step: place.super_step(session.trace, step) for step in session.before}
    session.hold({step: at for step, at in placed.items() if at is not None and at < number})


def _input(graph: Any, trace: Trace) -> Any:
    """What the graph was invoked with. Raises ReplayError."""
    held, text = entries.of_root(trace.root)
    if held:
        return held
    # Instrumentations show the only value of an input without its key; the first node has it.
    for step in trace.steps[1:]:
        state = place.loaded(step.attribute("input.value"))
        for key, value in state.items() if isinstance(state, dict) else ():
            if value == text:
                return {key: value}
    if "messages" in graph.channels and isinstance(text, str):
        return {"messages": [("user", text)]}
    raise ReplayError(
        "the trace does not say what the graph was invoked with; give --argument KEY=…"
    )


def _through(graph: Any, given: Any, config: Any, session: Session, answers: list[Any]) -> Any:
    """Runs the graph, and on from each interrupt that there is an answer for."""
    if _asynchronous(graph):
        return asyncio.run(_athrough(graph, given, config, answers))
    found = graph.invoke(given, config)
    while (more := interrupts.command(_waiting(found), answers)) is not None:
        found = graph.invoke(more, config)
    return found


async def _athrough(graph: Any, given: Any, config: Any, answers: list[Any]) -> Any:
    found = await graph.ainvoke(given, config)
    while (more := interrupts.command(_waiting(found), answers)) is not None:
        found = await graph.ainvoke(more, config)
    return found


def _waiting(found: Any) -> list[Any]:
    held = found.get("__interrupt__") if isinstance(found, dict) else None
    return list(held or getattr(found, "interrupts", None) or ())


def _asynchronous(graph: Any) -> bool:
    """Whether a node, of a subgraph too, or a tool of one is a coroutine only."""
    bound = [node.bound for each in (graph, *_below(graph)) for node in each.nodes.values()]
    tools = [tool for one in bound for tool in (getattr(one, "tools_by_name", None) or {}).values()]
    return any(
        getattr(one, "func", True) is None
        and (getattr(one, "afunc", None) or getattr(one, "coroutine", None)) is not None
        for one in (*bound, *tools)
    )


def _below(graph: Any) -> list[Any]:
    try:
        return [each for _, each in graph.get_subgraphs(recurse=True)]
    except Exception:  # it looks into the source of nodes
        return []


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
