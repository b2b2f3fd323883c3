"""Whether a classifier of examples is better taught again with the answers of reviews.

Answers become examples only where cross-validation says so: taught with the others, what the
answers held out cost (a false alarm as calibration.py counts it) must be less than it is now by
more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np

from classify.custom.classifier_definition import DefinitionError, Example
from classify.custom.classifier_store import Record
from classify.reviews import calibration, local_head
from classify.reviews.calibration import Answered

_FOLDS = 5
#: Standard errors by which it must be better.
_SURE = 1.5
#: In a state's figures: the version that answers were added to.
TAUGHT_BEFORE = "taught_before"


class Teaching(Protocol):
    """What custom/catalog.py does for it."""

    def examples_of(self, name: str, fails: Mapping[tuple[str, str], bool]) -> list[Example]:
        """Rows, and whether they fail, as examples."""

    def taught(self, name: str, more: Sequence[Example], told: Sequence[Example]) -> list[bool]:
        """Which of ``told`` would fail, were it taught with ``more``."""

    def teach(self, name: str, more: Sequence[Example], reason: str) -> Record:
        """A new version with more examples."""

    def restore(self, name: str, version: int) -> Record:
        """What a version had learned, as the newest."""


@dataclass(frozen=True, slots=True)
class Relearned:
    """``better``: whether to teach it, and with which ``examples``. ``reason``: in words.
    ``figures``: on answers held out."""

    better: bool
    reason: str
    figures: Mapping[str, float]
    examples: Sequence[Example] = ()


def look(teaching: Teaching, record: Record, answered: Answered) -> Relearned:
    """No answer that taught it may be among them. Raises ModelError."""
    try:
        return _look(teaching, record, answered)
    except DefinitionError as error:
        return Relearned(False, str(error), {})


def _look(teaching: Teaching, record: Record, answered: Answered) -> Relearned:
    if reason := local_head.too_few(answered):
        return Relearned(False, reason, {})
    rows = dict(zip(answered.rows, answered.fails, strict=True))
    place = {(e.trace_id, e.span_id): e for e in teaching.examples_of(record.name, rows)}
    answered = answered.only([i for i, row in enumerate(answered.rows) if row in place])
    if reason := local_head.too_few(answered):
        return Relearned(False, reason, {})
    told = [place[row] for row in answered.rows]
    fails = np.asarray(answered.fails, np.float64)
    scores = np.asarray(answered.scores, np.float64)
    before = calibration.costs(scores, fails, record.member.threshold)
    fold = calibration.folds(fails, np.random.default_rng(len(fails)), _FOLDS)
    called = np.zeros(len(fails))
    for number in range(_FOLDS):
        out = fold == number
        known, asked = ([told[i] for i in np.flatnonzero(each)] for each in (~out, out))
        called[out] = teaching.taught(record.name, known, asked)
    gain = before - calibration.costs(called, fails, 0.5)
    error = float(gain.std(ddof=1)) / sqrt(len(gain))
    figures = {
        "answers": float(len(fails)),
        "cost_without": round(float(before.mean()), 4),
        "cost_taught": round(float((before - gain).mean()), 4),
    }
    said = f"{len(fails)} answers"
    surely = gain.mean() > 0 and gain.mean() >= _SURE * error
    if not surely or float(np.average(gain, weights=answered.weights)) < 0:
        return Relearned(False, f"{said}: taught with them it is not surely better", figures)
    return Relearned(
        True,
        f"{said} are examples now: a held-out one cost {figures['cost_without']:.3g} before, and"
        f" {figures['cost_taught']:.3g} with the others as examples",
        figures,
        told,
    )
