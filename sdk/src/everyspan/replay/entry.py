"""The user's own agent: named by the user, or chosen by the trace among what the code declares."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from everyspan import _entries, _exact, _own, _values
from everyspan.replay.errors import ReplayError
from everyspan.replay.modules import TABLE, load, load_declared
from everyspan.replay.record import Step, Trace

#: Resource attribute of `everyspan.init(entry=…)`.
ENTRY = "everyspan.entry"
_EXAMPLE = "--entry my_agent:run"


@dataclass(frozen=True)
class Entry:
    """`target` is what the name names: a function, or a compiled LangGraph graph."""

    name: str
    target: Any


def find(given: str | None, modules: Sequence[str], trace: Trace) -> Entry:
    """The entry that was given, else the one of those declared that the trace names.

    `modules`: of --load. Raises ReplayError.
    """
    if given:
        found = Entry(given, _load(given))
    else:
        load_declared(modules)
        found = _chosen(trace.root, _entries.declared())
    _values.main = found.name.partition(":")[0]
    return found


def _chosen(root: Step, declared: Mapping[str, _entries.Declared]) -> Entry:
    """By name, or the only one where the trace names none. Raises ReplayError."""
    told = root.resource.get(ENTRY) or ""
    name = told if told in declared else _of_decorated(root, declared)
    if not name and not told:
        said = [one.name for one in declared.values() if one.said] or list(declared)
        name = said[0] if len(said) == 1 else ""
    if name:
        return Entry(name, declared[name].target)
    if not told:
        what = "the trace names no entry"
    elif _entries.NAME.fullmatch(told):
        what = f"the trace names the entry {told}, which nothing loaded here declares"
    else:
        what = f"the trace names an entry that is no module:function ({told[:80]!r})"
    where = f" (it begins in {root.code})" if root.code else ""
    raise ReplayError(
        f"which function runs the agent? {what}{where}; "
        f"declared here: {', '.join(declared) or 'none'}. Name the function, {_EXAMPLE}, or the "
        'module that declares it with @everyspan.entry or @everyspan.step(kind="agent"): --load '
        f'my_agent, or once in the pyproject.toml of this folder: [{TABLE}] load = ["my_agent"]'
    )


def _of_decorated(root: Step, declared: Mapping[str, _entries.Declared]) -> str:
    """The declared function that the trace's root is a call of; '' for none."""
    module, _, function = (root.attributes.get("code.function.name") or "").rpartition(".")
    if not root.is_decorated or not module:
        return ""
    if module != "__main__":
        return name if (name := f"{module}:{function}") in declared else ""
    # The program's file, which is a module here.
    file = f"/{root.code.rpartition(':')[0].lstrip('/')}"
    found = [
        name
        for name in declared
        if name.partition(":")[2] == function and _file_of(name).endswith(file)
    ]
    return found[0] if len(found) == 1 else ""


def _file_of(name: str) -> str:
    file = _own.table(sys.modules.get(name.partition(":")[0])).get("__file__") or ""
    return os.path.realpath(file).replace(os.sep, "/")


def _load(name: str) -> Any:
    """What the user names. Raises ReplayError."""
    module, colon, path = name.partition(":")
    if not colon or not module or not path:
        raise ReplayError(f"--entry {name!r} is no module:function, such as {_EXAMPLE}")
    found = load(module, f"--entry {name}")
    for part in path.split("."):
        if not hasattr(found, part):
            raise ReplayError(f"--entry {name}: {module} has no {path}")
        found = getattr(found, part)
    return found


def arguments(entry: Entry, trace: Trace, given: Mapping[str, Any]) -> dict[str, Any]:
    """What to call it with, by name: `given`, else what the trace's root was called with.

    A parameter named `recorded` gets the recorded trace. Raises ReplayError for one that nothing
    fills.
    """
    if not callable(entry.target):
        raise ReplayError(f"--entry {entry.name} is a {type(entry.target).__name__}, no function")
    parameters = inspect.signature(entry.target).parameters
    known, text = of_root(trace.root)
    found: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in given:
            found[name] = given[name]
        elif name == "recorded":
            found[name] = trace
        elif name in known:
            found[name] = known[name]
    free = [
        name
        for name, p in parameters.items()
        if name not in found
        and p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if len(free) == 1 and text is not None:
        found[free.pop()] = text
    if free:
        held = ", ".join(known) or "no arguments"
        raise ReplayError(
            f"--entry {entry.name} needs {', '.join(free)}, and the trace's first step "
            f"({trace.root.name}) recorded {held}; give --argument {free[0]}=…"
        )
    unknown = [name for name in given if name not in found]
    if unknown:
        raise ReplayError(
            f"--argument {unknown[0]}: {entry.name} takes {', '.join(parameters) or 'none'}"
        )
    return found


def of_root(root: Step) -> tuple[dict[str, Any], Any]:
    """`(arguments by name as far as they were recorded, the only one or the user's words)`."""
    text: Any = root.input or None
    exact = root.attribute(_exact.ARGUMENTS)
    if exact is not None:
        try:
            held = _values.decode(exact)
        except _values.NotReadableError:
            held = None
        if isinstance(held, dict):
            return held, text
    raw = root.attribute("gen_ai.tool.call.arguments") or root.attribute("input.value")
    if raw is not None and root.attribute("input.mime_type") != "text/plain":
        try:
            value = json.loads(raw)
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value, value
        if value is not None:
            return {}, value
    return {}, text


def call(function: Callable[..., Any], keywords: Mapping[str, Any]) -> Any:
    """Runs it to its end, whatever sort of function it is, and returns what it gave back."""
    positional, named = [], dict(keywords)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY and name in named:
            positional.append(named.pop(name))
    found = function(*positional, **named)
    if inspect.isgenerator(found):
        return list(found)
    if inspect.isasyncgen(found):
        return asyncio.run(_items(found))
    if inspect.isawaitable(found):
        return asyncio.run(_awaited(found))
    return found


async def _items(found: Any) -> list[Any]:
    return [item async for item in found]


async def _awaited(found: Any) -> Any:
    return await found
