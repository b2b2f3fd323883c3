"""Verdicts for records: the code path of the batch job, without its storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from typing import Any

from classify.classifier import NOT_APPLICABLE, Classifier
from classify.registry import BUILT_IN
from classify.scoring.record import Record, RecordError, read_record, subjects_of
from clickhouse.span import Verdict
from service.errors import UserError

_BATCH = 256


class UnknownClassifierError(UserError):
    """There is no classifier of that name. The text lists those that there are."""


def classifier_named(name: str) -> Classifier:
    """Raises UnknownClassifierError."""
    for classifier in BUILT_IN:
        if classifier.name == name:
            return classifier
    known = ", ".join(c.name for c in BUILT_IN)
    raise UnknownClassifierError(f"there is no classifier '{name}'; use one of {known}")


def verdicts(classifier: Classifier, records: Sequence[Record]) -> list[Verdict]:
    """One for each record, in their order: the worst of what the service would store of it."""
    rows = [subjects_of(record, classifier) for record in records]
    judged = iter(classifier.judge([subject for each in rows for subject in each]))
    return [worst([next(judged) for _ in each]) for each in rows]


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """A failed one before one that passed, before one that can't tell; of two alike the higher
    score."""
    order = ("not_applicable", "abstained", "pass", "fail")
    return max(
        verdicts,
        key=lambda each: (order.index(each.label), -1.0 if isnan(each.score) else each.score),
        default=NOT_APPLICABLE,
    )


def scored(
    classifier: Classifier, lines: Iterable[bytes], threshold: float | None = None
) -> Iterator[dict[str, Any]]:
    """``{"id", "score", "label", "evidence"}`` a line, in order; ``{"id", "line", "error"}`` for a
    line that is no record. ``threshold`` instead of the classifier's own."""
    batch: list[tuple[int, Record | RecordError]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            batch.append((number, read_record(line)))
        except RecordError as error:
            batch.append((number, error))
        if len(batch) >= _BATCH:
            yield from _answers(classifier, batch, threshold)
            batch = []
    yield from _answers(classifier, batch, threshold)


def _answers(
    classifier: Classifier, batch: list[tuple[int, Record | RecordError]], threshold: float | None
) -> Iterator[dict[str, Any]]:
    records = [each for _, each in batch if isinstance(each, Record)]
    found = iter(verdicts(classifier, records))
    for number, each in batch:
        if isinstance(each, RecordError):
            yield {"id": None, "line": number, "error": str(each)}
            continue
        verdict = next(found)
        label = verdict.label
        score = None if isnan(verdict.score) else round(verdict.score, 6)
        if threshold is not None and score is not None:
            label = "fail" if score >= threshold else "pass"
        yield {"id": each.id, "score": score, "label": label, "evidence": verdict.evidence}
