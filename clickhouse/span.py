"""A row of ``spans`` before and after judging, as plain data.

The columns, their types and defaults are stated in migrations/; the names here are theirs, and a
test holds the two together. What each one means is in README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from math import nan
from operator import attrgetter
from typing import Any

#: 'not_applicable': nothing that the classifier looks at. 'abstained': it looks at the row, but
#: can't tell; evidence says why. '' means not judged yet.
LABELS = ("not_applicable", "abstained", "pass", "fail")

#: 'answered': the model did not refuse. 'obeyed': what it did carries what the attack asked for.
OUTCOMES = ("refused", "answered", "obeyed")

STEP_KINDS = (
    "llm",
    "tool",
    "retrieval",
    "embedding",
    "reranker",
    "agent",
    "chain",
    "prompt",
    "parser",
    "guardrail",
    "evaluator",
    "other",
)


@dataclass(slots=True)
class Span:
    """One span. Times are nanoseconds since 1970 in UTC, durations milliseconds, costs US dollars.

    None for tokens and cost means unknown. ``input_messages``, ``output_messages``,
    ``tool_definitions``, ``events`` and ``links`` are JSON arrays, '' for none. ``fingerprint``
    tells spans apart that were sent with the same ids, ``id_reuse`` counts the runs that did so.
    ``twin_of``: 'TRACE/SPAN' of the same call where it counts, '' for a row that counts itself.
    ``replay_of``: the recorded trace that a replay ran again, '' for a row that is no replay's.
    ``project``: of the key that it was sent with, '' for the default one.
    """

    trace_id: str
    span_id: str
    parent_span_id: str = ""
    session_id: str = ""
    user_id: str = ""
    service_name: str = ""
    service_version: str = ""
    environment: str = ""

    name: str = ""
    step_kind: str = "other"
    start_time: int = 0
    duration_ms: float = 0.0
    status: str = "unset"
    error_type: str = ""
    status_message: str = ""

    provider: str = ""
    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    prompt_name: str = ""
    prompt_version: str = ""
    experiment: str = ""
    variant: str = ""
    agent_name: str = ""

    input: str = ""
    output: str = ""
    input_messages: str = ""
    output_messages: str = ""
    tool_definitions: str = ""
    system_instructions: str = ""
    tool_name: str = ""
    documents: list[str] = field(default_factory=list)
    document_scores: list[float] = field(default_factory=list)

    code_file: str = ""
    code_line: int = 0
    code_function: str = ""
    code_revision: str = ""
    code_repository: str = ""

    attributes: dict[str, str] = field(default_factory=dict)
    resource_attributes: dict[str, str] = field(default_factory=dict)
    events: str = ""
    links: str = ""
    scope_name: str = ""
    scope_version: str = ""
    convention: str = ""
    fingerprint: int = 0
    id_reuse: int = 0
    response_id: str = ""
    twin_of: str = ""
    time_to_first_token_ms: float | None = None
    finish_reason: str = ""
    replay_of: str = ""
    project: str = ""

    @property
    def end_time(self) -> int:
        """Nanoseconds since 1970."""
        return self.start_time + round(self.duration_ms * 1e6)


@dataclass(slots=True, frozen=True)
class Verdict:
    """What one classifier says of one row.

    ``label``: see LABELS. ``score``: 0 to 1, higher is worse, NaN where there is none.
    ``evidence``: the text or reason that made it fail, quoted; '' for none. ``outcome``: of an
    attack, what the model made of it: one of OUTCOMES, '' where no answer is known. ``own_score``:
    without the head of one's own traffic, where one has moved the score; else NaN.
    """

    label: str
    score: float = nan
    evidence: str = ""
    outcome: str = ""
    own_score: float = nan


#: Columns that ingest fills, in the table's order.
SPAN_COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(Span))
_values = attrgetter(*SPAN_COLUMNS)


def columns_of(spans: Sequence[Span]) -> list[Sequence[Any]]:
    """Column-oriented data in the order of SPAN_COLUMNS, as clickhouse-connect inserts it."""
    return list(zip(*map(_values, spans), strict=True)) if spans else [[] for _ in SPAN_COLUMNS]
