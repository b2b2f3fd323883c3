"""Thumbs of the people who got the answer."""

from __future__ import annotations

from typing import Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

FEEDBACK = "everyspan.feedback"
COMMENT = "everyspan.feedback.comment"

_propagator = TraceContextTextMapPropagator()


def traceparent() -> str:
    """The current step as a W3C traceparent, to send along with an answer; '' outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


def feedback(
    thumbs: Literal["up", "down"], *, traceparent: str = "", comment: str | None = None
) -> None:
    """Records what a person thought of an answer.

    thumbs       'up' or 'down'; anything else is a ValueError.
    traceparent  what `everyspan.traceparent()` gave inside the trace of that answer; the feedback
                 becomes a span of that trace, also in another process, also days later. Left out:
                 it goes on the current span, or on a span of its own.
    comment      words of the person.
    """
    if thumbs not in ("up", "down"):
        raise ValueError(f"everyspan.feedback: {thumbs!r} is unknown; give 'up' or 'down'")
    attributes = {FEEDBACK: thumbs, **({COMMENT: comment} if comment else {})}
    current = trace.get_current_span()
    if not traceparent and current.is_recording():
        current.set_attributes(attributes)
        return
    # A traceparent that makes no sense gives an empty context: a trace of its own.
    parent = _propagator.extract({"traceparent": traceparent}, context=Context())
    tracer = trace.get_tracer("everyspan.feedback")
    tracer.start_span(FEEDBACK, parent if traceparent else None, attributes=attributes).end()
