"""What is known of an alert once its traces were looked up: the one shape that enrichment fills and
every destination renders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of a source line, as git knows it."""

    commit: str
    date: datetime
    summary: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a step is in the code. ``lines``: (number, text) around ``line``; empty where the file
    could not be read, and ``missing`` says why."""

    file: str
    line: int
    function: str
    lines: tuple[tuple[int, str], ...] = ()
    revision: str = ""
    permalink: str = ""
    change: Change | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failing step that stands for others. ``step`` of ``steps``, counted from 1; ``similar``:
    failing rows of the same cause in the window, this one included; ``evidence`` is masked;
    ``replay_note``: what the command lacks, '' for nothing."""

    trace_id: str
    span_id: str
    trace_url: str
    step: int
    steps: int
    step_name: str
    step_kind: str
    classifier: str
    score: float
    threshold: float
    evidence: str
    start_time: datetime
    similar: int = 1
    model: str = ""
    prompt_version: str = ""
    session_id: str = ""
    user_id: str = ""
    cost_usd: float | None = None
    source: Source | None = None
    suggested_fix: str = ""
    replay_command: str = ""
    replay_note: str = ""

    @property
    def place(self) -> str:
        """'4 of 7', '?' where the trace is not known."""
        return f"{self.step or '?'} of {self.steps}" if self.steps else "?"


@dataclass(frozen=True, slots=True)
class Case:
    """An alert and what was found behind it in ``window`` (start, end).

    ``failing`` of ``judged`` rows, in ``traces`` traces; ``what_changed``: one sentence each, most
    telling first; ``unenriched``: why nothing could be looked up, '' where it was; ``missing``:
    what of it could not, and why, '' for nothing.
    """

    service: str
    environment: str
    classifier: str
    kind: str
    window: tuple[datetime, datetime]
    failing: int = 0
    judged: int = 0
    traces: int = 0
    users: int = 0
    sessions: int = 0
    cost_usd: float | None = None
    since: datetime | None = None
    failures: tuple[Failure, ...] = ()
    what_changed: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = field(default=())
    unenriched: str = ""
    missing: str = ""

    @property
    def without(self) -> str:
        """What a reader is told that the alert goes out without; '' for nothing."""
        return f"traces: {self.unenriched}" if self.unenriched else self.missing
