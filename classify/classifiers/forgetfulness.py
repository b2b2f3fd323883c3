"""forgetfulness: the assistant contradicts or ignores what was said earlier in the session.

Plain cases are found by rule, the rest by the model's head. While the head abstains, only sessions
are judged in which the user said something that the rules know.
"""

from __future__ import annotations

from collections.abc import Sequence

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit
from classify.models import form, memory
from classify.models.learned import Learned
from classify.models.pieces import BY_RULE, Piece, quoted, verdicts
from classify.models.rows import turns_of
from clickhouse.span import Verdict

#: Earlier turns that an answer is held against.
_MAX_EARLIER = 12


class Forgetfulness(Learned):
    """Judges the last answer against each earlier turn of the session."""

    name = head = "forgetfulness"
    description = "The assistant contradicts, or asks again for, what was said earlier."
    code_version = 2
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces, _plainly)


def _plainly(subject: Subject) -> Verdict:
    turns = turns_of(subject.trace)
    if len(turns) < 3 or turns[-1][0] != "assistant":
        return NOT_APPLICABLE
    found = memory.check([text for role, text in turns if role == "user"], turns[-1][1])
    if found.label == "fail":
        return Verdict("fail", BY_RULE, quoted(f"user said “{found.told[:120]}”", found.answer))
    return Verdict("pass", 0.0) if found.label == "pass" else NOT_APPLICABLE


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
