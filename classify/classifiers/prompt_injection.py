"""prompt_injection: instructions for the model in what should only be data, or in user input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from classify.classifier import Classifier, Layer, Subject, Unit
from classify.models import form
from classify.models.learned import Learned
from classify.models.pieces import Piece, narrowed, quoted, verdicts
from classify.models.rows import said, speaks
from classify.models.windows import windows
from clickhouse.span import Span, Verdict

_MAX_CHARACTERS = 40_000
_MESSAGE = "input"


class PromptInjection(Learned):
    """Looks at documents, tool results and the user's last message, in windows."""

    name = head = "prompt_injection"
    description = "A document, tool result or message holds instructions meant for the model."
    code_version = 2
    unit: Unit = "span"
    layer: Layer = "safety"
    step_kinds = frozenset(("llm", "retrieval", "reranker", "tool", "agent", "chain"))
    needs: tuple[str, ...] = ("input", "output", "documents")

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        rows = [
            [
                Piece(form.prompt_injection(window.text, where != _MESSAGE), where, window.text)
                for where, text in _texts(subject)
                for window in windows(text[:_MAX_CHARACTERS])
            ]
            for subject in subjects
        ]
        return [
            self._sharp(found, row)
            for found, row in zip(
                verdicts(self.head, self.threshold, rows, list), rows, strict=True
            )
        ]

    def _sharp(self, verdict: Verdict, row: Sequence[Piece]) -> Verdict:
        """The sentence instead of the window."""
        if verdict.label != "fail":
            return verdict
        for piece in row:
            if verdict.evidence == quoted(piece.where, piece.text):
                made = partial(form.prompt_injection, fetched=piece.where != _MESSAGE)
                sentence = narrowed(self.head, piece.text, made)
                return replace(verdict, evidence=quoted(piece.where, sentence))
        return verdict


def _texts(subject: Subject) -> list[tuple[str, str]]:
    span: Span = subject.span
    if span.step_kind in ("retrieval", "reranker"):
        return [(f"document {i}", text) for i, text in enumerate(span.documents, 1) if text]
    if span.step_kind == "tool":
        where = f"result of {span.tool_name or span.name}"
        return [(where, span.output)] if span.output else []
    if not span.input or not speaks(subject):
        return []
    # Documents that were pasted into the prompt are judged with it, unless they have a row.
    retrieved = any(other.step_kind == "retrieval" for other in subject.trace.spans)
    return [(_MESSAGE, said(subject) if retrieved else span.input)]


classifier: Classifier = PromptInjection()
