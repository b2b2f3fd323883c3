"""The verdict: instructions of the system and of the user that can be checked, each held against
the answer."""

from __future__ import annotations

from collections.abc import Sequence

from classify import messages
from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit, abstained
from classify.classifiers.instruction_following import structured
from classify.classifiers.instruction_following.check import Check
from classify.classifiers.instruction_following.rules import broken, checks
from classify.models.evidence import quoted
from classify.models.rows import is_answer, said, speaks
from clickhouse.span import Span, Verdict

BROKEN = 0.97
KEPT = 0.02
#: Ingest's mark on a text that it cut.
_CUT = "bytes cut]"


class InstructionFollowing:
    """Rules alone: what no rule reads is not applicable."""

    name = "instruction_following"
    description = "The output breaks an explicit instruction on format, length or wording."
    #: Above those that earlier versions, which asked the encoder, counted.
    version = 4_000_000
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("output",)
    threshold = 0.5

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [self._judge(subject) for subject in subjects]

    def _judge(self, subject: Subject) -> Verdict:
        span = subject.span
        if not speaks(subject) or not is_answer(span):
            return NOT_APPLICABLE
        asked = _asked(subject)
        if not asked:
            return NOT_APPLICABLE
        if _CUT in span.output[-200:]:
            return abstained("the answer was cut when it was taken in")
        wrong = broken(asked, span.output)
        if not wrong:
            return Verdict("pass", KEPT)
        evidence = quoted(f"“{wrong[0].instruction[:160]}”", wrong[0].how)
        return Verdict("fail", BROKEN, evidence)


def _asked(subject: Subject) -> list[Check]:
    """What the step had to keep. Where the system and the user say different things of one kind,
    the user's counts."""
    span = subject.span
    users = checks(said(subject)) if _is_last_word(subject) else []
    kinds = {check.kind for check in users}
    systems = [check for check in checks(_system(span), system=True) if check.kind not in kinds]
    found = [*users, *systems, *structured.checks(span)]
    if '"tool_call' in span.output_messages or '"tool_use"' in span.output_messages:
        return [check for check in found if check.partial]
    return found


def _system(span: Span) -> str:
    if span.system_instructions:
        return span.system_instructions
    return "\n".join(
        text
        for message in messages.messages(span.input_messages)
        if messages.role(message) == "system"
        for text in messages.texts(message)
    )


def _is_last_word(subject: Subject) -> bool:
    """Whether the step's output is what the user gets: a router or a planner on the way has read
    the user's words, but does not answer them."""
    span, trace = subject.span, subject.trace
    if span is trace.root:
        return True
    output = span.output.strip()
    if trace.root.output:
        return output in trace.root.output
    models = [each for each in trace.spans if each.step_kind == "llm" and is_answer(each)]
    return not models or models[-1] is span


classifier: Classifier = InstructionFollowing()
