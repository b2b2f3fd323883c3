"""toxicity: insults, threats or hate, by the user or by the model."""

from __future__ import annotations

from collections.abc import Sequence

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import Piece, verdicts
from classify.models.rows import is_answer, said, speaks
from classify.models.windows import windows
from clickhouse.span import Verdict

_MAX_CHARACTERS = 40_000


class Toxicity(Learned):
    """Looks at the user's last message and the answer of each model step, in windows."""

    name = head = "toxicity"
    description = "The user or the model insults, threatens or hates."
    code_version = 1
    unit: Unit = "span"
    layer: Layer = "safety"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("input", "output")

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces)


def _pieces(subject: Subject) -> list[Piece]:
    if not speaks(subject):
        return []
    span = subject.span
    texts = [("input", said(subject))]
    if is_answer(span):
        texts.append(("output", span.output))
    return [
        Piece(form.toxicity(window.text), where, window.text)
        for where, text in texts
        if text
        for window in windows(text[:_MAX_CHARACTERS])
    ]


classifier: Classifier = Toxicity()
