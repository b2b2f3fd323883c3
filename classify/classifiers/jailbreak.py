"""jailbreak: the user tries to talk the model out of its rules."""

from __future__ import annotations

from collections.abc import Sequence

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import Piece, verdicts
from classify.models.rows import said, speaks
from classify.models.windows import windows
from clickhouse.span import Verdict

_MAX_CHARACTERS = 40_000


class Jailbreak(Learned):
    """Looks at what the user wrote to each model step, in windows."""

    name = head = "jailbreak"
    description = "The user tries to make the model drop its rules."
    code_version = 2
    unit: Unit = "span"
    layer: Layer = "safety"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("input",)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces)


def _pieces(subject: Subject) -> list[Piece]:
    if not speaks(subject):
        return []
    return [
        Piece(form.jailbreak(window.text), "input", window.text)
        for window in windows(said(subject)[:_MAX_CHARACTERS])
    ]


classifier: Classifier = Jailbreak()
