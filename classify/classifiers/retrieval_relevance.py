"""retrieval_relevance: nothing that came back helps to answer the query."""

from __future__ import annotations

import re
from collections.abc import Sequence

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import Piece, verdicts
from classify.models.windows import BESIDE, windows
from clickhouse.span import Verdict

#: Windows that the model is asked about: those that share most words with the query, and the first.
_WINDOWS = 4
_WORD = re.compile(r"\w{3,}|\d+")


class RetrievalRelevance(Learned):
    """Judges the query against the windows of each document; the best of all counts."""

    name = head = "retrieval_relevance"
    description = "No document that the retrieval found helps to answer the query."
    code_version = 1
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("retrieval", "reranker"))
    needs: tuple[str, ...] = ("documents",)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return verdicts(self.head, self.threshold, subjects, _pieces)


def _pieces(subject: Subject) -> list[Piece]:
    span = subject.span
    if not span.input.strip():
        return []
    words = _words(span.input)
    parts = [
        (len(words & _words(window.text)), number, window.text)
        for number, text in enumerate(span.documents, 1)
        for window in windows(text, BESIDE)
    ]
    closest = parts[:1] + sorted(parts[1:], key=lambda part: -part[0])
    return [
        Piece(
            form.retrieval_relevance(span.input, text),
            f"closest to “{span.input[:120]}” was document {number}",
            text,
            choice=0,
        )
        for _, number, text in closest[:_WINDOWS]
    ]


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


classifier: Classifier = RetrievalRelevance()
