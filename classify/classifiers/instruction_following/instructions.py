"""The verdict: checkable instructions by rule, the rest by the model's head."""

from __future__ import annotations

from collections.abc import Sequence

from classify import messages
from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit
from classify.classifiers.instruction_following.rules import broken
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import BY_RULE, Piece, quoted, verdicts
from classify.models.rows import is_answer, speaks
from clickhouse.span import Verdict


class InstructionFollowing(Learned):
    """System instructions and the user's last message against the answer."""

    name = head = "instruction_following"
    description = "The output breaks an explicit instruction on format, length or wording."
    code_version = 1
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("output",)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces, _broken)


def _pieces(subject: Subject) -> list[Piece]:
    if not (text := _instructions(subject)):
        return []
    output = subject.span.output
    return [Piece(form.instruction_following(text, output), text, output)]


def _broken(subject: Subject) -> Verdict:
    text = _instructions(subject)
    if not text or not (wrong := broken(text, subject.span.output)):
        return NOT_APPLICABLE
    evidence = quoted(f"“{wrong[0].instruction[:160]}”", wrong[0].how)
    return Verdict("fail", BY_RULE, evidence)


def _instructions(subject: Subject) -> str:
    """'' where there is nothing to follow or no answer in text."""
    span = subject.span
    if not speaks(subject) or not is_answer(span):
        return ""
    system = span.system_instructions
    if not system:
        system = "\n".join(
            text
            for message in messages.messages(span.input_messages)
            if messages.role(message) == "system"
            for text in messages.texts(message)
        )
    return "\n".join(part for part in (system, span.input) if part)


classifier: Classifier = InstructionFollowing()
