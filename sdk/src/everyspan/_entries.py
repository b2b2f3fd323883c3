"""Which functions a replay may run by the name that a trace gives: what the code here declares.

A trace is data from whoever may send spans. It chooses among these and nothing else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from everyspan import _own

T = TypeVar("T")

#: `module:function`.
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True)
class Declared:
    """`target` is None for one of `init(entry=…)`: its module has it. `said`: not only a step."""

    name: str
    target: Any
    said: bool = True


_declared: dict[str, Declared] = {}


@overload
def entry(target: T, /, *, name: str | None = None) -> T: ...


@overload
def entry(*, name: str | None = None) -> Callable[[T], T]: ...


def entry(target: Any = None, /, *, name: str | None = None) -> Any:
    """Declares a function, or a compiled LangGraph graph, as what `everyspan replay` may run.

    name  `module:function`; left out: the function's own. A graph needs one, such as
          `graph = everyspan.entry(made.compile(), name="my_agent:graph")`.

    Returns what it was given. Raises ValueError for a name of another form, and for a function
    within a function that has none.
    """

    def declare(target: Any) -> Any:
        own = name or name_of(target)
        if not NAME.fullmatch(own):
            raise ValueError(
                f"everyspan.entry: {own!r} is no module:function; "
                'write everyspan.entry(…, name="my_agent:run")'
            )
        _declared[own] = Declared(own, target)
        return target

    return declare if target is None else declare(target)


def of_init(name: str) -> None:
    """What `init(entry=…)` names. Raises ValueError for a name of another form."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"everyspan.init: entry={name!r} is no module:function such as 'my_agent:run'"
        )
    known = _declared.get(name)
    _declared[name] = Declared(name, known.target if known is not None else None)


def of_step(function: Callable[..., Any]) -> None:
    """A decorated agent. A method is none: nobody knows how its object was made."""
    name = name_of(function)
    if NAME.fullmatch(name) and "." not in name.partition(":")[2]:
        _declared.setdefault(name, Declared(name, function, said=False))


def declared() -> dict[str, Declared]:
    """Those of the user's own modules that are loaded."""
    found = {}
    for one in _declared.values():
        target = _held(one.name) if one.target is None else one.target
        if target is not None and _own.is_own(one.name.partition(":")[0]):
            found[one.name] = Declared(one.name, target, one.said)
    return found


def name_of(target: Any) -> str:
    """`module:function`, '' for what has no name."""
    qualified = getattr(target, "__qualname__", "")
    return f"{getattr(target, '__module__', '')}:{qualified}" if qualified else ""


def _held(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = _own.table(found).get(part)
    return found
