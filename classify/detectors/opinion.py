"""How a detector has its say in a classifier's verdicts.

``signal``: one more signal: the classifier's logit and the detector's, weighed. ``instead``: the
detector's alone. ``second look``: the detector's alone, of rows whose score leaves doubt. In each
the detector's logit is moved so that its threshold lies at the classifier's: what fails, and what
thresholds, percentiles and reviews make of scores, goes on in one measure.

What a rule is certain of stands, but where the detector stands in the classifier's place. What the
classifier abstains from is left to the detector only where its entry says ``abstained = true``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from classify.detectors.definition import Detector
from classify.detectors.files import Installed
from classify.detectors.model import model
from classify.detectors.reading import Reading
from classify.models.evidence import quoted
from clickhouse.span import Verdict

#: No score says more than this.
_WIDEST = 12.0
#: How far from the threshold a score leaves doubt, as a logit, where the entry does not say.
_DOUBT = 2.0


def wanted(detector: Detector, verdict: Verdict, threshold: float, *, by_rule: bool) -> bool:
    """Whether the detector is asked of a row that has this verdict so far. ``threshold``: the
    classifier's own."""
    if verdict.label == "not_applicable":
        return False
    if verdict.label == "abstained":
        return detector.abstained
    if detector.use == "instead":
        return True
    if by_rule:
        return False
    if detector.use == "signal":
        return True
    if detector.doubt:
        return detector.doubt[0] <= verdict.score <= detector.doubt[1]
    return abs(_logit(verdict.score) - _logit(threshold)) <= _DOUBT


def heard(
    installed: Installed,
    readings: Sequence[Sequence[Reading]],
    found: Sequence[Verdict],
    threshold: float,
    limits: Sequence[float],
) -> list[Verdict]:
    """The verdicts with the detector's say in them. ``readings``: of each row, [] where it is not
    asked; ``threshold``: the classifier's own; ``limits``: where each row fails from. Raises
    ModelError."""
    flat = [each for some in readings for each in some]
    told = iter(model(installed).fails(flat) if flat else [])
    made = []
    for verdict, some, limit in zip(found, readings, limits, strict=True):
        if not some:
            made.append(verdict)
            continue
        chances = [next(told) for _ in some]
        worst = max(range(len(chances)), key=chances.__getitem__)
        made.append(
            _joined(installed.detector, verdict, some[worst], chances[worst], threshold, limit)
        )
    return made


def _joined(
    it: Detector,
    verdict: Verdict,
    reading: Reading,
    chance: float,
    threshold: float,
    limit: float,
) -> Verdict:
    says = _logit(chance) - _logit(it.threshold) + _logit(threshold)
    pooled = it.use == "signal" and verdict.label != "abstained"
    logit = (1 - it.weight) * _logit(verdict.score) + it.weight * says if pooled else says
    score = 1 / (1 + math.exp(-max(-_WIDEST, min(_WIDEST, logit))))
    who = f"{it.name} {chance:.2f}"
    # At its threshold it fails, whatever the last digit says.
    if score < limit - 1e-9:
        # What it overruled is worth a word.
        why = f"{who}, passed again" if verdict.label == "fail" else ""
        return Verdict("pass", score, quoted(why, verdict.evidence) if why else "")
    if verdict.label == "fail" and pooled:
        return replace(verdict, score=score, evidence=quoted(who, verdict.evidence))
    where = f"{who}, {reading.where}" if reading.where else who
    return Verdict("fail", score, quoted(where, reading.text))


def _logit(chance: float) -> float:
    if chance <= 0 or chance >= 1:
        return math.copysign(_WIDEST, chance - 0.5)
    return max(-_WIDEST, min(_WIDEST, math.log(chance / (1 - chance))))
