"""Everyspan for agents: plain OpenTelemetry spans, with what a person needs at 2 AM added.

    import everyspan

    everyspan.init(service="support-agent")

Everything added is a standard attribute; see README.md for the list.
"""

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
