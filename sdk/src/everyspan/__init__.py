"""Everyspan for agents: plain OpenTelemetry spans, with what a person needs at 2 AM added.

    import everyspan

    everyspan.init(service="support-agent")

Everything added is a standard attribute; see README.md for the list.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from everyspan._context import context
    from everyspan._entries import entry
    from everyspan._experiment import variant
    from everyspan._export import ExportCounts
    from everyspan._feedback import feedback, traceparent
    from everyspan._setup import export_counts, flush, init, shutdown
    from everyspan._step import step

__all__ = [
    "ExportCounts",
    "context",
    "entry",
    "export_counts",
    "feedback",
    "flush",
    "init",
    "shutdown",
    "step",
    "traceparent",
    "variant",
]

#: Loaded when it is asked for: the command `everyspan` begins here, and needs none of it.
_MODULES = {
    "ExportCounts": "_export",
    "context": "_context",
    "entry": "_entries",
    "export_counts": "_setup",
    "feedback": "_feedback",
    "flush": "_setup",
    "init": "_setup",
    "shutdown": "_setup",
    "step": "_step",
    "traceparent": "_feedback",
    "variant": "_experiment",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'everyspan' has no attribute {name!r}")
    found = getattr(import_module(f"everyspan.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
