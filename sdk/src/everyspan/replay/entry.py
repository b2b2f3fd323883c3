"""The user's own agent: found by `module:function`, called with what it was called with."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from everyspan import _exact, _values
from everyspan.replay.errors import ReplayError
from everyspan.replay.record import Step, Trace

#: Resource attribute of `everyspan.init(entry=…)`.
ENTRY = "everyspan.entry"
_EXAMPLE = "--entry my_agent:run"


@dataclass(frozen=True)
class Entry:
    """`target` is what the name names: a function, or a compiled LangGraph graph."""

    name: str
    target: Any


def find(given: str | None, trace: Trace) -> Entry:
    """The entry that was given, else the one that the trace names. Raises ReplayError."""
    root = trace.root
    name = given or root.resource.get(ENTRY) or _function_of(root)
    if not name:
        where = f" (the trace begins in {root.code})" if root.code else ""
        raise ReplayError(
            f"which function runs the agent{where}? Name it, such as {_EXAMPLE}, or say it once in "
            "everyspan.init(entry=…), and every trace and alert will name it"
        )
    target = _load(name)
    _values.main = name.partition(":")[0]
    return Entry(name, target)


def _function_of(root: Step) -> str:
    """`module:function` of a root that is a decorated function of a module."""
    qualified = root.attributes.get("code.function.name") or ""
    if not root.is_decorated or not qualified or "<locals>" in qualified:
        return ""
    module, _, function = qualified.rpartition(".")
    if module == "__main__":
        module = _module_of(root)
    # A class in between makes it a method: nobody knows how the object was made.
    if not module or module.rpartition(".")[2][:1].isupper():
        return ""
    return f"{module}:{function}"


def _module_of(root: Step) -> str:
    """The module that a program's file is, seen from here; '' where it is none."""
    parts = root.code.rpartition(":")[0].removesuffix(".py").split("/")
    there = os.path.isfile(os.path.join(*parts) + ".py") if all(parts) else False
    return ".".join(parts) if there and all(part.isidentifier() for part in parts) else ""


def _load(name: str) -> Any:
    module, colon, path = name.partition(":")
    if not colon or not module or not path:
        raise ReplayError(f"--entry {name!r} is no module:function, such as {_EXAMPLE}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(f"{error.name}.")):
            raise ReplayError(
                f"--entry {name}: there is no module {error.name} here; run the replay in the "
                f"agent's folder and environment (now {here}, {sys.executable})"
            ) from error
        raise ReplayError(f"--entry {name}: importing it failed: {error}") from error
    except Exception as error:
        raise ReplayError(
            f"--entry {name}: importing it failed: {type(error).__name__}: {error}"
        ) from error
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
