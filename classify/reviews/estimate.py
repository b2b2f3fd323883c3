"""How good a classifier is on somebody's own traffic: prediction-powered inference.

All scored rows say what the classifier believes, a few reviewed ones say how far it is off; the
estimate is the first, corrected by the second, and its interval holds whatever the classifier is
worth. See: Angelopoulos, Bates, Fannjiang, Jordan, Zrnic, "Prediction-powered inference", Science
382 (2023); the weight of the predictions is chosen as in "PPI++" (Angelopoulos, Duchi, Zrnic 2023),
and rows that fail and rows that pass are drawn apart and put together by their known shares, as in
"Stratified prediction-powered inference" (Fisch et al. 2024).

With few reviews the variance that they show is too small (ten answers that all agree show none), so
each stratum is given one more row that fails and one that does not before its spread is measured,
as Agresti and Coull (1998) do for a share, and the quantile is Student's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

_Numbers = NDArray[np.float64]
#: Rows of one kind that are put to those of a stratum before its spread is measured.
_PRIOR = 1.0
#: Answers drawn at random without which an interval is told, and no figure in it: of five answers
#: that all say right the likeliest share is 100 %, which flatters.
ENOUGH = 10
#: Two-sided 95 % quantiles of Student's t by degrees of freedom; 1.96 beyond.
#: See: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Estimate:
    """A share, 0 to 1, with its 95 % interval. ``reviews``: that it rests on; without any it is NaN
    and the interval is everything."""

    value: float
    low: float
    high: float
    reviews: int

    @property
    def is_known(self) -> bool:
        """Whether anything is known."""
        return isfinite(self.value)

    @property
    def has_figure(self) -> bool:
        """Whether the value may be told, and not the interval alone."""
        return self.is_known and self.reviews >= ENOUGH


UNKNOWN = Estimate(float("nan"), 0.0, 1.0, 0)


@dataclass(slots=True, frozen=True)
class Stratum:
    """Rows of one verdict. ``rows``: how many there are. ``scores``: the mean and the variance of
    what the classifier believes of them, 0 to 1. ``reviewed``: of those that were drawn, what it
    believed and whether they fail (0 or 1)."""

    rows: int
    mean_score: float
    score_variance: float
    reviewed_scores: Sequence[float]
    reviewed_fails: Sequence[bool]


@dataclass(slots=True, frozen=True)
class Quality:
    """On somebody's own traffic."""

    fail_rate: Estimate
    precision: Estimate
    recall: Estimate

    def estimate(self, name: str) -> Estimate:
        """One of the three."""
        found: Estimate = getattr(self, name)
        return found


def quality(failing: Stratum, passing: Stratum) -> Quality:
    """From the rows that fail and the rows that pass, as the classifier says."""
    return quality_of([failing], [passing])


def quality_of(failing: Sequence[Stratum], passing: Sequence[Stratum]) -> Quality:
    """The same, of several strata on each side: where the threshold has moved, rows between the old
    and the new one were drawn more or less often than the others on their side."""
    total = sum(each.rows for each in (*failing, *passing))
    if not total:
        return Quality(UNKNOWN, UNKNOWN, UNKNOWN)
    share = sum(each.rows for each in failing) / total
    right, missed = _side(failing), _side(passing)
    parts = [(each.rows / total, _mean(each)) for each in (*failing, *passing)]
    return Quality(_together(parts), right, _recall(share, right, missed))


def _side(strata: Sequence[Stratum]) -> Estimate:
    """The share that really fails of one verdict's rows."""
    rows = sum(each.rows for each in strata)
    if not rows:
        # Nothing is there now; what was reviewed of it still says something.
        strata = [each for each in strata if each.reviewed_fails][:1]
        return _estimate(_mean(strata[0])) if strata else UNKNOWN
    if len(strata) == 1:
        return _estimate(_mean(strata[0]))
    return _together([(each.rows / rows, _mean(each)) for each in strata])


@dataclass(slots=True, frozen=True)
class _Mean:
    """``center``, ``error``: of the interval. ``value``: without the rows that were put to it."""

    value: float
    center: float
    error: float
    reviews: int


def _mean(stratum: Stratum) -> _Mean:
    """Of the share that really fails."""
    scores = np.asarray(stratum.reviewed_scores, dtype=np.float64)
    fails = np.asarray(stratum.reviewed_fails, dtype=np.float64)
    n = len(fails)
    if not n:
        # Nothing is known: the middle, and an error that covers everything.
        return _Mean(float("nan"), 0.5, 0.5, 0)
    scores = np.where(np.isfinite(scores), scores, stratum.mean_score)
    weight = _weight(scores, fails, stratum)
    value = float(np.mean(fails - weight * scores)) + weight * stratum.mean_score
    # The rows put to it sit where predictions say nothing of them.
    smoothed = np.concatenate([fails, np.ones(1), np.zeros(1)])
    beliefs = np.concatenate([scores, np.full(2, stratum.mean_score)])
    counts = np.concatenate([np.ones(n), np.full(2, _PRIOR)])
    off = smoothed - weight * beliefs
    center = float(np.average(off, weights=counts)) + weight * stratum.mean_score
    spread = float(np.average((off - np.average(off, weights=counts)) ** 2, weights=counts))
    variance = spread / (n + 2 * _PRIOR - 1)
    variance += weight**2 * stratum.score_variance / max(1, stratum.rows)
    return _Mean(min(1.0, max(0.0, value)), center, sqrt(variance), n)


def _weight(scores: _Numbers, fails: _Numbers, stratum: Stratum) -> float:
    """What the predictions count for, 0 to 1: the one that makes the variance least."""
    n = len(fails)
    if n < 5 or stratum.rows < 2 * n:
        return 0.0
    variance = float(np.var(scores))
    if variance < 1e-9:
        return 0.0
    covariance = float(np.mean((scores - scores.mean()) * (fails - fails.mean())))
    # As much as the reviews show of it, less for how little they are.
    found = covariance / (variance * (1 + n / stratum.rows)) * (n - 2) / n
    return min(1.0, max(0.0, found))


def _together(parts: Sequence[tuple[float, _Mean]]) -> Estimate:
    known = [(share, part) for share, part in parts if share > 0]
    reviews = sum(part.reviews for _, part in known)
    if not reviews:
        return UNKNOWN
    center = sum(share * part.center for share, part in known)
    error = sqrt(sum((share * part.error) ** 2 for share, part in known))
    value = (
        sum(share * part.value for share, part in known)
        if all(part.reviews for _, part in known)
        else center
    )
    # Of the stratum that most of the error comes from.
    _, largest = max(known, key=lambda each: each[0] * each[1].error)
    return _around(value, center, error * _t(largest.reviews + 1), reviews)


def _estimate(part: _Mean) -> Estimate:
    if not part.reviews:
        return UNKNOWN
    return _around(part.value, part.center, part.error * _t(part.reviews + 1), part.reviews)


def _around(value: float, center: float, half: float, reviews: int) -> Estimate:
    low, high = max(0.0, center - half), min(1.0, center + half)
    return Estimate(min(high, max(low, value)), low, high, reviews)


def _recall(share: float, found: Estimate, lost: Estimate) -> Estimate:
    """Of all that really fails, what is found: the ends of both intervals put together, which holds
    whatever the two have to do with each other."""
    if not found.reviews or not lost.reviews:
        return UNKNOWN

    def recall(precision: float, miss: float) -> float:
        hit, gone = share * precision, (1 - share) * miss
        return hit / (hit + gone) if hit + gone > 0 else 1.0

    return Estimate(
        recall(found.value, lost.value),
        recall(found.low, lost.high),
        recall(found.high, lost.low),
        found.reviews + lost.reviews,
    )


def _t(degrees: int) -> float:
    return _T95[degrees - 1] if 1 <= degrees <= len(_T95) else 1.96


def reviews_for(estimate: Estimate, half_width: float) -> int:
    """How many more answers make the interval about so narrow: it shrinks with the root."""
    now = (estimate.high - estimate.low) / 2
    if not estimate.is_known or now <= half_width:
        return 0 if estimate.is_known else 10
    return max(1, round(estimate.reviews * ((now / half_width) ** 2 - 1)))
