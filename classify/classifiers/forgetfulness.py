"""forgetfulness: the assistant contradicts or ignores what was said earlier in the session.

Plain cases are found by rule; then signals are weighed: what the user told of a kind (a time, a
place, a number of people) against what the answer asks and states of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit, abstained
from classify.models import memory
from classify.models.evidence import BY_RULE, quoted
from classify.models.rows import turns_of
from classify.signals import forgotten
from classify.signals.forgotten import Held
from classify.signals.signal import Item, Signal
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict

#: Earlier turns that an answer is held against.
_MAX_EARLIER = 24
_MAX_KNOWN = 60_000


def _signal(name: str, says: str, read: Callable[[Held], tuple[float, str]]) -> Signal[Held]:
    return Signal(name, says, lambda held: read(held)[0], place=lambda held: read(held)[1])


class Forgetfulness(Weighed):
    """Judges the last answer against the session before it."""

    name = "forgetfulness"
    description = "The assistant contradicts, or asks again for, what was said earlier."
    code_version = 7
    unit: Unit = "session"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    signals = (
        _signal("asks_again", "asks for what was told", forgotten.asks_again),
        _signal("otherwise", "states otherwise what was told", forgotten.otherwise),
        _signal("unknown_names", "names what nobody has named", forgotten.unknown_names),
        Signal("unsaid", "takes up little of what was said", forgotten.unsaid),
        Signal("kept", "states what was told", forgotten.kept, rises=False),
    )

    def decided(self, subject: Subject) -> Verdict | None:
        turns = turns_of(subject.trace)
        if len(turns) < 3 or turns[-1][0] != "assistant":
            return NOT_APPLICABLE
        letters = [c for c in turns[-1][1][:400] if c.isalpha()]
        if letters and sum(map(str.isascii, letters)) < 0.5 * len(letters):
            return abstained(
                "its signals are proven on English, and the answer is in another script"
            )
        found = memory.check([text for role, text in turns if role == "user"], turns[-1][1])
        if found.label == "fail":
            return Verdict("fail", BY_RULE, quoted(f"user said “{found.told[:120]}”", found.answer))
        return None

    def items(self, subject: Subject) -> Sequence[Item]:
        turns = turns_of(subject.trace)
        brought = [
            text
            for trace in (*subject.trace.session, subject.trace)
            for span in trace.spans
            for text in ((span.output,) if span.step_kind == "tool" else span.documents)
        ]
        known = "\n".join(brought)[-_MAX_KNOWN:]
        return [Held(turns[-1][1], tuple(turns[:-1][-_MAX_EARLIER:]), known)]


classifier: Classifier = Forgetfulness()
