"""Runs the agent against the record, once or many times."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider

from everyspan import _setup, _step
from everyspan.replay import entry as entries
from everyspan.replay import frameworks, urls
from everyspan.replay.changes import Change, Changes, Patch
from everyspan.replay.endpoint import Endpoint, variables
from everyspan.replay.errors import ReplayError, ReplayStopped
from everyspan.replay.model_calls import ModelCalls
from everyspan.replay.record import Step, Trace
from everyspan.replay.session import Policy, Session
from everyspan.replay.spans import Run, RunSpans


@dataclass(frozen=True)
class Plan:
    """What to replay and how."""

    trace: Trace
    step: Step
    entry: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    changes: tuple[Change, ...] = ()
    patch: Patch = field(default_factory=Patch)
    times: int = 1
    #: Modules that declare entries, of --load.
    load: tuple[str, ...] = ()
    #: Answers to what a graph waits for, of --resume.
    resume: tuple[Any, ...] = ()


Ended = Literal["finished", "raised", "interrupted", "stopped"]


@dataclass
class Outcome:
    """One run. `error`: what the agent raised."""

    run: Run
    value: Any = None
    error: BaseException | None = None
    live_calls: int = 0
    live_tokens: int = 0
    how: str = ""

    @property
    def session(self) -> Session:
        return self.run.session

    @property
    def ended(self) -> Ended:
        """How it came out. One that waits for a person has neither failed nor passed."""
        if self.session.stopped is not None:
            return "stopped"
        if self.error is not None:
            return "raised"
        return "interrupted" if self.session.interrupted else "finished"


def run(plan: Plan, progress: Callable[[int, int], None] | None = None) -> list[Outcome]:
    """The runs, one after the other. Raises ReplayError for an entry that can't be called."""
    with Endpoint() as endpoint, _environment(variables(endpoint)), _urls(endpoint):
        _setup.replaying = True
        entry = entries.find(plan.entry, plan.load, plan.trace)
        spans = RunSpans()
        spans.install(_provider(plan.trace))
        outcomes = []
        for number in range(1, plan.times + 1):
            outcomes.append(_once(plan, entry, number, spans, endpoint))
            if progress is not None:
                progress(number, plan.times)
        return outcomes


def _once(
    plan: Plan, entry: entries.Entry, number: int, spans: RunSpans, endpoint: Endpoint
) -> Outcome:
    changes = Changes(plan.trace, plan.step, plan.changes, plan.patch)
    session = Session(
        plan.trace, plan.step, plan.policy, changes, path=spans.path, resume=plan.resume
    )
    this = Run(session, number)
    calls = ModelCalls(session)
    endpoint.begin(calls)
    endpoint.on_answer = this.answered.__setitem__
    call = frameworks.caller(entry, session, plan.arguments)
    spans.run, _step.replay = this, session
    outcome = Outcome(this, how=call.how)
    try:
        with frameworks.recorded_answers(session, calls, this):
            outcome.value = call()
    except ReplayStopped:
        pass  # the session says why
    except Exception as error:
        outcome.error = error
    except SystemExit as error:
        outcome.error = error if error.code else None
    finally:
        _step.replay = None
        _flush()
        spans.run = None
    outcome.live_calls, outcome.live_tokens = endpoint.live_calls, endpoint.live_tokens
    return outcome


def _provider(trace: Trace) -> TracerProvider:
    """The provider that the entry's module set up, or one of ours.

    Ours is named like the recorded service. Where the model calls were recorded by an
    instrumentation, those installed are turned on; an init() that the entry calls later decides
    itself.
    """
    present = otel.get_tracer_provider()
    if not isinstance(present, TracerProvider):
        service = trace.root.resource.get("service.name")
        instrumented = any("instrumentation" in s.scope for s in trace.steps)
        _setup.init(service=service, instrument=instrumented)
        _setup.provisional = True
        present = otel.get_tracer_provider()
    if not isinstance(present, TracerProvider):
        raise ReplayError(
            f"the TracerProvider set is a {type(present).__qualname__}; a replay needs one of the "
            "OpenTelemetry SDK"
        )
    return present


def _flush() -> None:
    provider: Any = otel.get_tracer_provider()
    if not _setup.flush() and hasattr(provider, "force_flush"):
        provider.force_flush()


@contextmanager
def _environment(held: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in held}
    os.environ.update(held)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _urls(endpoint: Endpoint) -> Iterator[None]:
    urls.through = endpoint.url
    try:
        yield
    finally:
        urls.through = None
