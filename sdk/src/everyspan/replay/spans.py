"""The spans of a run: one new trace, linked to the recorded one.

| attribute | on | |
|---|---|---|
| `replay.of`, `replay.step` | every span | the recorded trace, the step from which it ran again |
| `replay.run` | every span | which of `--times` runs, from 1 |
| `replay.changes` | the root | the changes, as a JSON array |
| `replay.covered` | the root | recorded steps in a checkpoint or below an answered step, JSON |
| `replay.source`, `replay.source.step` | what the record answered | `record`; its step there |
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanContext, TraceFlags

from everyspan.replay import langgraph_place
from everyspan.replay.answers import COVERED, SOURCE, SOURCE_STEP
from everyspan.replay.record import Step
from everyspan.replay.session import Session

#: Attributes in which instrumentations repeat an answer.
_OF_ANSWER = re.compile("output|response|completion|generation")


@dataclass
class Run:
    """One run and the spans that it made. `trace_hex`: '' where it made none."""

    session: Session
    number: int = 1
    #: Of the first root that starts in the run. Further roots are traces of their own, as they were
    #: when the agent was recorded. 0: none has started.
    trace_id: int = 0
    ended: int = 0
    #: Nanoseconds since 1970 of the first start and the last end.
    began: int = 0
    finished: int = 0
    names: dict[int, tuple[str, int]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    #: Ids of recorded answers that were given to model calls.
    answered: dict[str, Step] = field(default_factory=dict)
    #: By span name: recorded tool calls of a framework whose spans are about to start.
    waiting: dict[str, list[Step]] = field(default_factory=dict)

    @property
    def trace_hex(self) -> str:
        return f"{self.trace_id:032x}" if self.trace_id else ""

    @property
    def seconds(self) -> float:
        """From the first start to the last end; what the entry does around them is left out."""
        return (self.finished - self.began) / 1e9


class RunSpans(SpanProcessor):
    """Puts the spans of the current run into its trace and marks them."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self._lock = threading.Lock()

    def install(self, provider: TracerProvider) -> None:
        """Adds itself."""
        provider.add_span_processor(self)

    def path(self) -> tuple[str, ...]:
        """Names of the spans around the current code, outermost first."""
        run, found = self.run, []
        at = otel.get_current_span().get_span_context().span_id
        while run is not None and at in run.names:
            name, at = run.names[at]
            found.append(name)
        return tuple(reversed(found))

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        run = self.run
        context = span.get_span_context()
        if run is None or context is None:
            return
        session = run.session
        span.set_attribute("replay.of", session.trace.trace_id)
        span.set_attribute("replay.step", session.step.number)
        span.set_attribute("replay.run", run.number)
        with self._lock:
            run.trace_id = run.trace_id or context.trace_id
        if context.trace_id != run.trace_id:
            return
        if run.waiting.get(span.name):
            recorded = run.waiting[span.name].pop(0)
            span.set_attribute(SOURCE, "record")
            span.set_attribute(SOURCE_STEP, recorded.number)
        if span.parent is None:
            self._root(span, session)
        with self._lock:
            run.names[context.span_id] = (span.name, span.parent.span_id if span.parent else 0)
            run.seen[span.name] = run.seen.get(span.name, 0) + 1
        self._watch(run, span.name)
        end = span.end

        def ending(end_time: int | None = None) -> None:
            self._mark(run, span)
            end(end_time)

        # An ended span takes no attributes: neither in on_end nor in the SDK's own _on_ending.
        span.end = ending  # type: ignore[method-assign]

    @staticmethod
    def _root(span: Span, session: Session) -> None:
        recorded = session.step
        span.add_link(
            SpanContext(
                int(session.trace.trace_id, 16),
                int(recorded.span_id, 16),
                is_remote=True,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            ),
            {"replay.step": recorded.number},
        )
        texts = [change.text for change in session.changes.changes]
        if texts:
            span.set_attribute("replay.changes", json.dumps(texts, ensure_ascii=False))

    @staticmethod
    def _watch(run: Run, name: str) -> None:
        """A chosen step that is no `@everyspan.step` and no model call begins with its span."""
        session = run.session
        chosen = session.step
        if session.reached or chosen.name != name or chosen.is_decorated or chosen.kind == "llm":
            return
        with session.lock:
            earlier = [s for s in session.before if s.name == name]
            if run.seen[name] > sum(s.number not in session.covered for s in earlier):
                session.reached = True

    @staticmethod
    def _mark(run: Run, span: Span) -> None:
        """A span around a model call that the record answered holds the recorded answer's id."""
        attributes: Any = span.attributes or {}
        covered = run.session.covered
        if span.parent is None and covered:
            span.set_attribute(COVERED, json.dumps(sorted(covered)))
        if SOURCE in attributes:
            return
        if (number := langgraph_place.own_number(attributes)) is not None:
            run.session.ran_super_step(number)
        for identity, step in list(run.answered.items()):
            if any(
                isinstance(v, str) and identity in v and _OF_ANSWER.search(k)
                for k, v in attributes.items()
            ):
                # The span around a model call repeats its answer; a chain or agent is no answer.
                if _is_model_call(attributes):
                    span.set_attribute(SOURCE, "record")
                    span.set_attribute(SOURCE_STEP, step.number)
                return

    def on_end(self, span: ReadableSpan) -> None:
        run, context = self.run, span.get_span_context()
        if run is not None and context is not None and context.trace_id == run.trace_id:
            with self._lock:
                run.ended += 1
                begun, ended = span.start_time or 0, span.end_time or 0
                run.began = min(run.began or begun, begun)
                run.finished = max(run.finished, ended)

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


def _is_model_call(attributes: Any) -> bool:
    operation = str(attributes.get("gen_ai.operation.name", ""))
    kind = str(attributes.get("openinference.span.kind", "")).upper()
    other = str(attributes.get("traceloop.span.kind", "")).lower()
    if kind:
        return kind == "LLM"
    if operation:
        return operation not in ("invoke_agent", "execute_tool", "invoke_workflow", "create_agent")
    return not other
