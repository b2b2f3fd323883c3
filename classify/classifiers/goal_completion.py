"""goal_completion: the trace did not do what its user asked for."""

from __future__ import annotations

from collections.abc import Sequence

from classify import messages
from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import Piece, verdicts
from classify.models.rows import exchange_of
from clickhouse.span import Verdict


class GoalCompletion(Learned):
    """Judges the request against the last tool calls and the final answer."""

    name = head = "goal_completion"
    description = "The request was not done: given up, refused, or only promised."
    code_version = 1
    unit: Unit = "trace"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces)


def _pieces(subject: Subject) -> list[Piece]:
    asked, answered = exchange_of(subject.trace)
    if not asked or not (answered or len(subject.trace.spans) > 1):
        return []
    steps = [
        (
            span.tool_name or span.name,
            messages.decode(span.input) or span.input,
            span.output or span.status_message,
            span.status == "error",
        )
        for span in subject.trace.spans
        if span.step_kind == "tool"
    ]
    told = form.outcome(answered, steps)
    return [Piece(form.goal_completion(asked, told), f"asked “{asked[:120]}”", told)]


classifier: Classifier = GoalCompletion()
