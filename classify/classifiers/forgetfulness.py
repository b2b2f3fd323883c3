"""forgetfulness: the assistant contradicts or ignores what was said earlier in the session."""

from __future__ import annotations

from collections.abc import Sequence

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.pieces import Piece, threshold_of, verdicts, version_of
from classify.models.rows import turns_of
from clickhouse.span import Verdict

#: Earlier turns that an answer is held against.
_MAX_EARLIER = 12


class Forgetfulness:
    """Judges the last answer against each earlier turn of the session."""

    name = head = "forgetfulness"
    description = "The assistant contradicts, or asks again for, what was said earlier."
    version = version_of(1)
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    threshold = threshold_of(head)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, [_pieces(subject) for subject in subjects])


def _pieces(subject: Subject) -> list[Piece]:
    turns = turns_of(subject.trace)
    if len(turns) < 3 or turns[-1][0] != "assistant":
        return []
    later = form.said(*turns[-1])
    # The last user turn is what is being answered.
    return [
        Piece(
            form.forgetfulness(form.said(role, text), later), f"{role} said “{text[:120]}”", later
        )
        for role, text in turns[:-2][-_MAX_EARLIER:]
        if role == "user"
    ]


classifier: Classifier = Forgetfulness()
