"""toxicity: insults, threats or hate, by the user or by the model."""

from __future__ import annotations

from typing import ClassVar

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.rows import is_answer, said, speaks
from classify.signals.role_tags import user_turns
from classify.signals.safety import Safety, Text
from classify.signals.wording import head, phrase_signals, wording

_SAYS = "worded as insults, threats or hate are"


class Toxicity(Safety):
    """Looks at the user's last message and the answer of each model step, in windows."""

    name = "toxicity"
    description = "The user or the model insults, threatens or hates."
    code_version = 4
    unit: Unit = "span"
    layer: Layer = "safety"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("input", "output")
    signals: ClassVar = (
        *phrase_signals("toxicity"),
        wording("toxicity", _SAYS),
        head("toxicity", _SAYS, lambda passage: form.toxicity(passage.text)),
    )

    def texts(self, subject: Subject) -> list[Text]:
        if not speaks(subject):
            return []
        found = [Text("the user", user_turns(said(subject)))]
        if is_answer(subject.span):
            found.append(Text("the answer", subject.span.output))
        return found


classifier: Classifier = Toxicity()
