"""LangGraph's `interrupt()`: a run that waits for a person has not ended, and is told as that.

Each graph is asked for its state once its stream is over, so that a graph inside of a function is
seen as well as one that is the entry.

See https://docs.langchain.com/oss/python/langgraph/interrupts
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from everyspan.replay.record import Trace
from everyspan.replay.session import Session


@contextmanager
def watched(session: Session) -> Iterator[None]:
    """Notes in the session what graphs wait for when their streams end."""
    if "langgraph.pregel" not in sys.modules:
        yield
        return
    base = import_module("langgraph.pregel").Pregel
    sync, asynchronous = base.stream, base.astream

    @functools.wraps(sync)
    def stream(self: Any, given: Any, config: Any = None, *args: Any, **kwargs: Any) -> Any:
        try:
            yield from sync(self, given, config, *args, **kwargs)
        except GeneratorExit:
            _note(session, self, config, _state(self, config), broken=True)
            raise
        _note(session, self, config, _state(self, config))

    @functools.wraps(asynchronous)
    async def astream(self: Any, given: Any, config: Any = None, *args: Any, **kwargs: Any) -> Any:
        try:
            async for each in asynchronous(self, given, config, *args, **kwargs):
                yield each
        except GeneratorExit:
            _note(session, self, config, await _astate(self, config), broken=True)
            raise
        _note(session, self, config, await _astate(self, config))

    base.stream, base.astream = stream, astream
    try:
        yield
    finally:
        base.stream, base.astream = sync, asynchronous


def answers(trace: Trace, checkpoint: Any) -> list[Any]:
    """What people answered, up to the answer that the recorded run began with. [] for a run that
    began with none. `checkpoint`: LangGraph's tuple, or None."""
    begun = resumed(trace)
    if begun is None:
        return []
    (now,) = begun
    given = [
        value
        for _, channel, value in (checkpoint.pending_writes if checkpoint is not None else None)
        or ()
        if channel == "__resume__" and isinstance(value, list)
    ]
    if len(given) == 1 and now in given[0]:
        return list(given[0][: len(given[0]) - given[0][::-1].index(now)])
    return [now]


def resumed(trace: Trace) -> tuple[Any] | None:
    """The answer that the recorded run began with, `Command(resume=…)`; None for another input."""
    try:
        held = json.loads(trace.root.attribute("input.value") or "null")
    except ValueError:
        return None
    if isinstance(held, dict) and {"resume", "goto"} <= held.keys() and held["resume"] is not None:
        return (held["resume"],)
    return None


def command(waiting: list[Any], given: list[Any]) -> Any:
    """Answers to what a graph waits for, in order; takes them off `given`. None where there are
    not enough."""
    resume = import_module("langgraph.types").Command
    if not waiting or len(given) < len(waiting):
        return None
    taken = [given.pop(0) for _ in waiting]
    if len(taken) == 1:
        return resume(resume=taken[0])
    return resume(resume=dict(zip((one.id for one in waiting), taken, strict=True)))


def first(value: Any) -> Any:
    """The input of a run that begins with an answer."""
    return import_module("langgraph.types").Command(resume=value)


def _state(graph: Any, config: Any) -> Any:
    if not _is_outermost(graph, config):
        return None
    try:
        return graph.get_state(_newest(config))
    except Exception:  # a saver that can't be asked; what it gave back is all there is
        return None


async def _astate(graph: Any, config: Any) -> Any:
    if not _is_outermost(graph, config):
        return None
    try:
        return await graph.aget_state(_newest(config))
    except Exception:
        return None


def _newest(config: Any) -> Any:
    """The thread as it is now, also where the run went back to an earlier checkpoint of it."""
    held = {k: v for k, v in config["configurable"].items() if k != "checkpoint_id"}
    return {**config, "configurable": held}


def _is_outermost(graph: Any, config: Any) -> bool:
    """A graph inside a node is asked with the keys of the one around it."""
    held = (config or {}).get("configurable") or {}
    kept = hasattr(graph.checkpointer, "list") or hasattr(graph.checkpointer, "alist")
    return kept and not any(str(key).startswith("__pregel") for key in held)


def _note(session: Session, graph: Any, config: Any, state: Any, broken: bool = False) -> None:
    if state is None:
        return
    thread = ((config or {}).get("configurable") or {}).get("thread_id")
    told = [_asked(one, state) for one in state.interrupts]
    if not told and state.next and not broken:  # compiled with interrupt_before or interrupt_after
        told = [f"before {', '.join(state.next)}"]
    with session.lock:
        session.waiting[id(graph), str(thread)] = told


def _asked(interrupt: Any, state: Any) -> str:
    at = next((task.name for task in state.tasks if interrupt in task.interrupts), "")
    try:
        value = json.dumps(interrupt.value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        value = str(interrupt.value)
    return f"{at}: {value}" if at else value
