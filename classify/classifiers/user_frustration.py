"""user_frustration: the user is annoyed, repeats the request in vain, complains or gives up."""

from __future__ import annotations

from collections.abc import Sequence

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import Piece, verdicts
from classify.models.rows import exchange_of, turns_of
from clickhouse.span import Verdict


class UserFrustration(Learned):
    """Looks at the last turns of the session, ending with the user's in this trace."""

    name = head = "user_frustration"
    description = "The user is annoyed, repeats the request in vain, or gives up."
    code_version = 1
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces)


def _pieces(subject: Subject) -> list[Piece]:
    turns = turns_of(subject.trace)
    while turns and turns[-1][0] != "user":
        turns.pop()
    if not turns or not exchange_of(subject.trace)[0]:
        return []
    return [Piece(form.user_frustration(turns), "user", turns[-1][1])]


classifier: Classifier = UserFrustration()
