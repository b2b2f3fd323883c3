"""Where in a LangGraph graph a recorded step ran: its thread and the graph's own super-step.

A subgraph counts super-steps of its own, and so does a graph in that one: what a step's span says
is the innermost count. The graph that is replayed goes on from its own, which is that of the
outermost node around the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from everyspan.replay.record import Step, Trace

#: Parts of a namespace, one a graph that the node is inside of.
_WITHIN = "|"


def super_step(trace: Trace, step: Step) -> int | None:
    """Of the outermost graph; None for a step outside of its nodes, or where nobody can tell."""
    node = _node(trace, step)
    return number(node.attributes) if node is not None else None


def thread(trace: Trace, step: Step) -> str | None:
    """The thread's id."""
    for one in (_node(trace, step), step, trace.root):
        if one is not None and (found := said(one.attributes, "thread_id")) is not None:
            return found
    return None


def is_inside(trace: Trace, step: Step) -> bool:
    """Whether it ran in some node, of whichever graph."""
    return any(number(one.attributes) is not None for one in (step, *trace.ancestors(step)))


def node_names(trace: Trace, super_: int) -> set[str]:
    """The graph's own nodes that ran in a super-step."""
    found = (said(s.attributes, "langgraph_node") for s in trace.steps if _is_own(s.attributes))
    steps = (number(s.attributes) for s in trace.steps if _is_own(s.attributes))
    return {name for name, at in zip(found, steps, strict=True) if name and at == super_}


def number(attributes: Mapping[str, Any]) -> int | None:
    """The super-step that a span itself says."""
    found = said(attributes, "langgraph_step")
    return int(found) if found is not None and found.isdigit() else None


def own_number(attributes: Mapping[str, Any]) -> int | None:
    """The same, of a node of the outermost graph alone."""
    return number(attributes) if _is_own(attributes) else None


def said(attributes: Mapping[str, Any], name: str) -> str | None:
    """`thread_id`, `langgraph_step`, … of a span, whichever instrumentation recorded it."""
    for held in _metadata(attributes):
        if held.get(name) is not None:
            return str(held[name])
    return None


def _node(trace: Trace, step: Step) -> Step | None:
    """The span of the outermost graph's node that the step is, or is inside of."""
    around = [s for s in (step, *trace.ancestors(step)) if number(s.attributes) is not None]
    if not around:
        return None
    if _is_own(around[-1].attributes):
        return around[-1]
    # Its parent was never stored: the node is told by the first part of the namespace.
    space = (said(around[-1].attributes, "langgraph_checkpoint_ns") or "").partition(_WITHIN)[0]
    return next(
        (s for s in trace.steps if said(s.attributes, "langgraph_checkpoint_ns") == space), None
    )


def _is_own(attributes: Mapping[str, Any]) -> bool:
    space = said(attributes, "langgraph_checkpoint_ns")
    return number(attributes) is not None and _WITHIN not in (space or "")


def _metadata(attributes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    held = loaded(attributes.get("metadata"))
    if isinstance(held, dict):
        yield held
    prefix = "traceloop.association.properties."
    yield {k[len(prefix) :]: v for k, v in attributes.items() if k.startswith(prefix)}


def loaded(text: Any) -> Any:
    """JSON, or None for what is none."""
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except ValueError:
        return None
