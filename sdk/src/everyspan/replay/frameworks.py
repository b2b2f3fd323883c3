"""Where a framework has a way of its own to go back: LangGraph's checkpoints, LangChain's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from everyspan.replay import entry as entries
from everyspan.replay.changes import Changes
from everyspan.replay.model_calls import ModelCalls
from everyspan.replay.record import Step, Trace
from everyspan.replay.session import Session
from everyspan.replay.spans import Run


@dataclass(frozen=True)
class Call:
    """The run to make; `how` says it in words, '' for a plain call of the entry."""

    make: Callable[[], Any]
    how: str = ""

    def __call__(self) -> Any:
        return self.make()


def caller(
    entry: entries.Entry,
    trace: Trace,
    step: Step,
    changes: Changes,
    given: Mapping[str, Any],
) -> Call:
    """How to run the entry. Raises ReplayError."""
    keywords = entries.arguments(entry, trace, given)
    return Call(lambda: entries.call(entry.target, keywords))


@contextmanager
def recorded_answers(session: Session, calls: ModelCalls, run: Run) -> Iterator[None]:
    """Frameworks that are loaded ask the record before they call a model or a tool."""
    yield
