"""hallucination: the answer claims what its documents and tool results do not say.

Figures are held against the context by rule, the rest of the claims by the model's head. While the
head abstains, only answers are judged whose figures can be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import figures, form
from classify.models.claims import claims
from classify.models.pieces import Piece, abstains, quoted, threshold_of, verdicts, version_of
from classify.models.rows import context_of, is_answer, speaks
from classify.models.windows import BESIDE, windows
from clickhouse.span import Verdict

#: Claims of an answer that the model is asked about: those of which the context says least.
_CLAIMS = 4
#: A figure that is contradicted is; as sure as a broken rule of instruction_following.
_BY_RULE = 0.999999
_WORD = re.compile(r"\w{3,}|\d+")


class Hallucination:
    """Splits the answer into claims and holds each against the closest parts of the context."""

    name = head = "hallucination"
    description = "The answer states what its documents and tool results do not say."
    version = version_of(2)
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("output",)
    threshold = threshold_of(head)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        found = verdicts(self.head, self.threshold, [_pieces(subject) for subject in subjects])
        silent = abstains(self.head)
        for i, subject in enumerate(subjects):
            checked = _figures(subject)
            if checked.label == "fail":
                where = f"“{checked.claim[:120]}” is contradicted by {checked.where}"
                found[i] = Verdict("fail", _BY_RULE, quoted(where, checked.passage))
            elif checked.label == "pass" and silent:
                found[i] = Verdict("pass", 0.0)
        return found


def _figures(subject: Subject) -> figures.Finding:
    if not speaks(subject) or not is_answer(subject.span):
        return figures.Finding("open")
    told = [claim.told for claim in claims(subject.span.output)]
    return figures.check(told, context_of(subject), subject.span.input)


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
