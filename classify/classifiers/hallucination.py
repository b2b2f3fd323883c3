"""hallucination: the answer claims what its documents and tool results do not say.

Figures are held against the context by rule, the rest of the claims by the model's head. While the
head abstains, only answers are judged whose figures can be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit
from classify.models import figures, form
from classify.models.claims import claims
from classify.models.learned import Learned
from classify.models.pieces import BY_RULE, Piece, quoted, verdicts
from classify.models.rows import context_of, is_answer, speaks
from classify.models.windows import BESIDE, windows
from clickhouse.span import Verdict

#: Claims of an answer that the model is asked about: those of which the context says least.
_CLAIMS = 4
_WORD = re.compile(r"\w{3,}|\d+")


class Hallucination(Learned):
    """Splits the answer into claims and holds each against the closest parts of the context."""

    name = head = "hallucination"
    description = "The answer states what its documents and tool results do not say."
    code_version = 2
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("output",)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces, _figures)


def _figures(subject: Subject) -> Verdict:
    if not speaks(subject) or not is_answer(subject.span):
        return NOT_APPLICABLE
    told = [claim.told for claim in claims(subject.span.output)]
    found = figures.check(told, context_of(subject), subject.span.input)
    if found.label == "fail":
        where = f"“{found.claim[:120]}” is contradicted by {found.where}"
        return Verdict("fail", BY_RULE, quoted(where, found.passage))
    return Verdict("pass", 0.0) if found.label == "pass" else NOT_APPLICABLE


def _pieces(subject: Subject) -> list[Piece]:
    if not speaks(subject) or not is_answer(subject.span):
        return []
    parts = [
        (where, window.text, _words(window.text))
        for where, text in context_of(subject)
        for window in windows(text, BESIDE)
    ]
    if not parts:
        return []
    doubtful = []
    for claim in claims(subject.span.output):
        words = _words(claim.told)
        if not words:
            continue
        where, text, shared = max(parts, key=lambda part: len(words & part[2]))
        doubtful.append((len(words & shared) / len(words), claim, where, text))
    doubtful.sort(key=lambda each: each[0])
    return [
        Piece(
            form.hallucination(text, claim.told),
            f"“{claim.text}” is not supported by {where}",
            text,
        )
        for _, claim, where, text in doubtful[:_CLAIMS]
    ]


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


classifier: Classifier = Hallucination()
