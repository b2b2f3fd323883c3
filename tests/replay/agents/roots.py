"""Prints the trace id of each root span, as the agents of these tests do when they are recorded."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider


class _Printer(SpanProcessor):
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.parent is None:
            print(f"{span.get_span_context().trace_id:032x}", flush=True)


def print_roots() -> None:
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(_Printer())
