"""jailbreak: the user tries to talk the model out of its rules."""

from __future__ import annotations

from typing import ClassVar

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.rows import said, speaks
from classify.signals.role_tags import user_turns
from classify.signals.safety import Safety, Text
from classify.signals.wording import MANY_SHOT, head, phrase_signals, wording

_SAYS = "worded as an attempt to drop the rules"


class Jailbreak(Safety):
    """Looks at what the user wrote to each model step, in windows."""

    name = "jailbreak"
    description = "The user tries to make the model drop its rules."
    code_version = 5
    unit: Unit = "span"
    layer: Layer = "safety"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("input",)
    signals: ClassVar = (
        *phrase_signals("jailbreak"),
        MANY_SHOT,
        wording("jailbreak", _SAYS),
        head("jailbreak", _SAYS, lambda passage: form.jailbreak(passage.text)),
    )

    def texts(self, subject: Subject) -> list[Text]:
        return [Text("input", user_turns(said(subject)))] if speaks(subject) else []


classifier: Classifier = Jailbreak()
