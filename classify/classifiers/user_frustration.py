"""user_frustration: the user is annoyed, repeats the request in vain, complains or gives up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit
from classify.models.rows import exchange_of, turns_of
from classify.signals.complaint import complaints, not_done, shouting
from classify.signals.repetition import repeats
from classify.signals.signal import Item, Signal
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict

#: Earlier turns that count: what annoys, annoys now.
_MAX_TURNS = 12


@dataclass(frozen=True, slots=True)
class Said:
    """The last turn of a user. ``before``: (role, text) of the turns before it, oldest first."""

    text: str
    before: tuple[tuple[str, str], ...]
    where: str = "user"

    def of(self, role: str) -> list[str]:
        """What one side said before."""
        return [text for who, text in self.before if who == role]


def _counted(kind: str) -> Callable[[Said], float]:
    """How often: once says most of it."""
    return lambda said: float(min(complaints(said.text)[kind].count, 2))


def _place(kind: str) -> Callable[[Said], str]:
    return lambda said: complaints(said.text)[kind].place


def _phrase(kind: str, says: str, rises: bool = True) -> Signal[Said]:
    return Signal(kind, says, _counted(kind), rises=rises, place=_place(kind))


def _asks_again(said: Said) -> float:
    return repeats(said.text, said.of("user"))


def _asks_again_in_vain(said: Said) -> float:
    """Likeness to an earlier turn that the assistant has excused itself from."""
    vain = [
        text
        for (role, text), (_, reply) in zip(said.before, said.before[1:], strict=False)
        if role == "user" and not_done([reply])
    ]
    return repeats(said.text, vain)


def _refused(said: Said) -> float:
    return not_done(said.of("assistant")[-3:])


def _same_replies(said: Said) -> float:
    replies = said.of("assistant")
    return repeats(replies[-1], replies[-4:-1]) if len(replies) > 1 else 0.0


class UserFrustration(Weighed):
    """Looks at the last turns of the session, ending with the user's in this trace."""

    name = "user_frustration"
    description = "The user is annoyed, repeats the request in vain, or gives up."
    code_version = 2
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    signals = (
        _phrase("feeling", "says that they are annoyed"),
        _phrase("blame", "speaks ill of the service"),
        _phrase("unanswered", "says that they got no answer, or said it before"),
        _phrase("gives_up", "gives up"),
        _phrase("wants_human", "asks for a person"),
        _phrase("swears", "swears"),
        _phrase("corrects", "says that the assistant is wrong"),
        _phrase("thanks", "thanks", rises=False),
        Signal("shouting", "shouts", lambda said: shouting(said.text)),
        Signal("asks_again", "asks the same again", _asks_again),
        Signal("asks_again_in_vain", "asks again what was refused", _asks_again_in_vain),
        Signal("refused", "after replies that excuse themselves", _refused),
        Signal("same_replies", "after replies that repeat themselves", _same_replies),
    )

    def decided(self, subject: Subject) -> Verdict | None:
        return None if exchange_of(subject.trace)[0] else NOT_APPLICABLE

    def items(self, subject: Subject) -> Sequence[Item]:
        turns = turns_of(subject.trace)
        while turns and turns[-1][0] != "user":
            turns.pop()
        if not turns:
            return []
        return [Said(turns[-1][1], tuple(turns[:-1][-_MAX_TURNS:]))]


classifier: Classifier = UserFrustration()
