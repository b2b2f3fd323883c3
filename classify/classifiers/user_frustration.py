"""user_frustration: the user is annoyed, repeats the request in vain, complains or gives up."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit
from classify.detectors.reading import Reading, Reads
from classify.models import form
from classify.models.rows import exchange_of, turns_of
from classify.signals.complaint import complaints, not_done
from classify.signals.repetition import repeats
from classify.signals.signal import Item, Logit, Signal
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict

#: Earlier turns that count: what annoys, annoys now.
_MAX_TURNS = 12


_WORD = re.compile(r"[^\W\d_]+(?:['’][a-z]+)?")
#: Words that English sentences have, and hardly any other language.
_ENGLISH = frozenset(
    "the and you your yours is are was were be been have has had it's that's this that these those"
    " what when where which who why how with from for not don't can't didn't doesn't i'm i've i'll"
    " you're my me we our they them there here please could would should will can just still again"
    " very really need want get give tell help make said told asked".split()
)


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


def _phrase(kind: str, says: str) -> Signal[Said]:
    return Signal(kind, says, _counted(kind), place=_place(kind))


def _thanks(said: Said) -> float:
    found = complaints(said.text)
    bitter = any(found[kind].count for kind in ("feeling", "blame", "unanswered", "gives_up"))
    return float(min(found["thanks"].count + (0 if bitter else found["praise"].count), 2))


def _asks_for_person(said: Said) -> float:
    """Less where nothing came before: some want a person from the start. Whoever takes the offer of
    one asks for nothing."""
    replies = said.of("assistant")
    if not replies:
        return 0.25 * _counted("wants_human")(said)
    return 0.0 if complaints(replies[-1])["wants_human"].count else _counted("wants_human")(said)


def _asks_again_in_vain(said: Said) -> float:
    """Likeness to an earlier turn that the assistant has excused itself from: 0 up to a half."""
    vain = [
        text
        for (role, text), (_, reply) in zip(said.before, said.before[1:], strict=False)
        if role == "user" and not_done([reply])
    ]
    return max(0.0, 2 * repeats(said.text, vain) - 1)


def _head_input(said: Said) -> list[str]:
    """The encoder reads English: nothing for other languages."""
    words = _WORD.findall(said.text[:600].lower())
    if not any(word in _ENGLISH for word in words):
        return []
    return [form.user_frustration((*said.before, ("user", said.text)))]


class UserFrustration(Weighed):
    """Looks at the last turns of the session, ending with the user's in this trace."""

    name = "user_frustration"
    description = "The user is annoyed, repeats the request in vain, or gives up."
    code_version = 5
    learns_here: ClassVar[bool] = True
    reads: ClassVar[Reads | None] = "text"
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    signals = (
        _phrase("feeling", "says that they are annoyed"),
        _phrase("blame", "speaks ill of the service"),
        _phrase("unanswered", "says that they got no answer, or said it before"),
        _phrase("reminds", "reminds the assistant of what was said"),
        _phrase("gives_up", "gives up"),
        Signal("wants_human", "asks for a person", _asks_for_person, place=_place("wants_human")),
        _phrase("swears", "swears"),
        _phrase("corrects", "says that the assistant is wrong"),
        Signal("thanks", "thanks", _thanks, rises=False),
        Signal("asks_again_in_vain", "asks again what was refused", _asks_again_in_vain),
        Logit("head", "sounds annoyed", "user_frustration", _head_input),
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

    def readings(self, subject: Subject) -> Sequence[Reading]:
        return [Reading(each.where, each.text) for each in self.items(subject)]


classifier: Classifier = UserFrustration()
