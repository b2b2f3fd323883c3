"""The faults, by name. Each leaves the house running; what it broke is found afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.faults.scene import Scene

Fault = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """``weight``: how often in a round of all kinds. ``lasting``: whether it goes on over the next
    faults."""

    name: str
    about: str
    fault: Fault
    weight: int = 1


KINDS: dict[str, Kind] = {}


def kind(weight: int = 1) -> Callable[[Fault], Fault]:
    """Adds a function to KINDS under its name; the first line of its docstring says what it is."""

    def added(fault: Fault) -> Fault:
        name = fault.__name__
        KINDS[name] = Kind(name, (fault.__doc__ or "").strip().split("\n")[0], fault, weight)
        return fault

    return added


from benchmarks.faults.kinds import (  # noqa: E402
    clocks,
    connections,
    disks,
    kills,
    models,
    poison,
    readers,
    receivers,
    records,
    server,
    signals,
    twins,
)

__all__ = ["KINDS", "Kind", "clocks", "connections", "disks", "kills", "models", "poison"]
__all__ += ["readers", "receivers", "records", "server", "signals", "twins"]
