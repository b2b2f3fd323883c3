"""What a classifier is: the shape that every module of classifiers/ has.

A classifier is a pure function of plain data: no clock, no network, no database. The job loads
traces, asks each classifier for verdicts and stores them; classifiers run in worker processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from clickhouse.span import Span, Verdict

Unit = Literal["span", "trace", "session"]
Layer = Literal["quality", "safety"]

NOT_APPLICABLE = Verdict("not_applicable")


def abstained(why: str) -> Verdict:
    """The classifier looks at the row, but can't tell. ``why``: for people; it is the evidence."""
    return Verdict("abstained", evidence=why)


@dataclass(frozen=True)
class Trace:
    """All spans of one trace that are stored, by start time.

    ``session`` holds the earlier traces of the same session, oldest first, where a classifier of
    unit 'session' asks for them; their own ``session`` is empty.
    """

    spans: tuple[Span, ...]
    session: tuple[Trace, ...] = field(default=())

    @cached_property
    def by_id(self) -> dict[str, Span]:
        """span_id to span."""
        return {span.span_id: span for span in self.spans}

    @cached_property
    def children(self) -> dict[str, list[Span]]:
        """span_id to its direct children by start time."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.parent_span_id:
                found.setdefault(span.parent_span_id, []).append(span)
        return found

    @cached_property
    def root(self) -> Span:
        """The span that trace and session verdicts go to: the earliest without a parent, else
        (the parent never came) the earliest whose parent is not stored."""
        for span in self.spans:
            if not span.parent_span_id:
                return span
        for span in self.spans:
            if span.parent_span_id not in self.by_id:
                return span
        return self.spans[0]

    def ancestors(self, span: Span) -> list[Span]:
        """Parent first. Ends at a parent that never came, and at a circle."""
        found: list[Span] = []
        seen = {span.span_id}
        parent = self.by_id.get(span.parent_span_id)
        while parent is not None and parent.span_id not in seen:
            seen.add(parent.span_id)
            found.append(parent)
            parent = self.by_id.get(parent.parent_span_id)
        return found


@dataclass(slots=True, frozen=True)
class Subject:
    """What one verdict is about: a span within its trace. For unit trace and session the root."""

    span: Span
    trace: Trace


class Classifier(Protocol):
    """One module of classifiers/ ends in one of these, named ``classifier``."""

    #: Name of the verdict column, e.g. 'tool_call_error'.
    name: str
    #: One sentence for the engineer who reads the verdict.
    description: str
    unit: Unit
    #: The signal layer that its verdicts belong to.
    layer: Layer
    #: Kinds of step it looks at; empty for all. Rows of other kinds are not applicable.
    step_kinds: frozenset[str]
    #: Columns of which at least one must hold something; empty for none.
    needs: tuple[str, ...]
    #: Scores from here up fail.
    threshold: float

    @property
    def version(self) -> int:
        """Grows when the same input may get another verdict than before."""
        ...

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        """One verdict for each subject, in their order. Never raises for odd content."""
        ...


def as_of(classifier: Classifier, project: str) -> Classifier:
    """The classifier as it judges rows of a project: answers of its people may have moved it."""
    found: Classifier = getattr(classifier, "of_projects", {}).get(project, classifier)
    return found


def applies(classifier: Classifier, span: Span) -> bool:
    """Whether the span is of a kind and has the content that the classifier looks at."""
    if classifier.step_kinds and span.step_kind not in classifier.step_kinds:
        return False
    return not classifier.needs or any(getattr(span, column) for column in classifier.needs)
