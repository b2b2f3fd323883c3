"""What a score means here: a map from scores to probabilities, and the score that fails, from the
answers of people. Pure.

The map is beta calibration (Kull, Silva Filho, Flach 2017): logit p = c + a ln s - b ln(1 - s), a
and b not negative, so that the order of rows stays. A row fails where a false alarm, which may page
somebody, costs less than a miss: where p is over COST / (COST + 1). The map is drawn towards the
shipped scores (a = b = 1) and the shipped threshold (c such that it is where a row begins to fail),
the more so the fewer the answers (Gaussian priors).

It is used only where answers that it was not fitted on say so: in repeated cross-validation neither
its log loss nor what it costs may be worse than that of the shipped one, and a threshold moves only
where the costs that it saves are more than chance. What an answer counts for there is how many rows
it stands for: half of the answers are on rows that fail, which are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Answers without which nothing moves, and of each kind, right and wrong.
LEAST, LEAST_EACH = 20, 3
#: A false alarm costs so many misses.
COST = 2.0
_FAILS = COST / (COST + 1)
#: Standard deviations of c, a and b around the shipped map.
SPREAD = np.array([1.0, 0.3, 0.3])
_EDGE = 1e-4
_FOLDS, _TIMES = 5, 4
#: Standard errors by which a threshold must be better to move.
_SURE = 1.5


@dataclass(frozen=True, slots=True)
class Answered:
    """Scores of rows, 0 to 1, and whether each fails, as people see it. ``weights``: rows that each
    answer stands for; 0 for one that was not drawn at random. ``rows``: trace and span of each."""

    scores: Sequence[float]
    fails: Sequence[bool]
    weights: Sequence[float]
    rows: Sequence[tuple[str, str]] = ()

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, chosen: Sequence[int]) -> Answered:
        """Those at these positions."""
        each: tuple[list[Any], ...] = tuple(
            [values[i] for i in chosen]
            for values in (self.scores, self.fails, self.weights, self.rows)
        )
        return Answered(*each)


@dataclass(frozen=True, slots=True)
class Map:
    """See above; as it is, the shipped one."""

    c: float = 0.0
    a: float = 1.0
    b: float = 1.0

    def probabilities(self, scores: Sequence[float] | Floats) -> Floats:
        """Shape (n,)."""
        logits = features(np.asarray(scores, np.float64)) @ np.array([self.c, self.a, self.b])
        return _sigmoid(logits)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the answers say. ``map``, ``threshold``: to be used; None for the shipped ones.
    ``reason``: in words, for people. ``figures``: by name, those that speak for it: on held-out
    answers, shipped and this one."""

    map: Map | None
    threshold: float | None
    reason: str
    figures: dict[str, float]


def propose(answered: Answered, shipped: float) -> Proposal:
    """``shipped``: the score from which on a row fails as the classifier comes."""
    scores = np.asarray(answered.scores, np.float64)
    fails = np.asarray(answered.fails, np.float64)
    weights = np.asarray(answered.weights, np.float64)
    if few := _too_few(fails, weights):
        return Proposal(None, None, few, {})
    before, after, costs = _held_out(scores, fails, weights, shipped)
    gain = costs[0] - costs[1]
    better = float(np.average(gain, weights=weights))
    # Of a weighted mean.
    chance = sqrt(float(((weights * (gain - better)) ** 2).sum())) / float(weights.sum())
    figures = {
        "answers": float(len(fails)),
        "log_loss_shipped": round(before, 4),
        "log_loss": round(after, 4),
        "cost_shipped": round(float(np.average(costs[0], weights=weights)), 4),
        "cost": round(float(np.average(costs[1], weights=weights)), 4),
    }
    said = f"{len(fails)} answers"
    if after > before:
        return Proposal(
            None,
            None,
            f"{said}: on answers that it was not fitted on the shipped one is better",
            figures,
        )
    fitted = fit(scores, fails, shipped)
    threshold = threshold_of(fitted, scores)
    if better <= 0 or better < _SURE * chance or _fails_same(scores, threshold, shipped):
        return Proposal(
            fitted,
            None,
            f"{said}: scores mean something else here, the threshold is right",
            figures,
        )
    way = "up" if threshold > shipped else "down"
    wrong, missed = _wrong(scores, fails, shipped)
    still, lost = _wrong(scores, fails, threshold)
    return Proposal(
        fitted,
        threshold,
        f"{said}: {way} from {shipped:.3g} to {threshold:.3g}, false alarms {wrong} to {still},"
        f" missed {missed} to {lost} of them",
        figures,
    )


def shipped_map(threshold: float) -> Map:
    """The scores as they come, with the middle where the threshold asks for it."""
    at = float((features(np.array([threshold])) @ np.array([0.0, 1.0, 1.0]))[0])
    return Map(log(COST) - at)


def fit(scores: Floats, fails: Floats, shipped: float) -> Map:
    """The likeliest map, given that it should be near the shipped one of that threshold."""
    middle = np.array([shipped_map(shipped).c, 1.0, 1.0])
    free = np.array([True, True, True])
    # A slope that would turn the order around is none; the rest is fitted without it.
    for _ in range(3):
        found = _newton(features(scores), fails, middle, free)
        wrong = free & (np.array([0.0, found[1], found[2]]) < 0)
        if not wrong.any():
            break
        free &= ~wrong
    return Map(float(found[0]), max(0.0, float(found[1])), max(0.0, float(found[2])))


def threshold_of(map: Map, scores: Floats) -> float:
    """The score from which on a row fails; never outside of what was answered, for nothing is known
    there: between two answered scores, or just under or over all of them."""
    known = np.unique(scores)
    fails = map.probabilities(known) >= _FAILS
    if not fails.any():
        return min(float(known[-1]) + 1e-3, 0.9999)
    first = int(np.argmax(fails))
    if first == 0:
        return max(float(known[0]) - 1e-3, 1e-3)
    low, high = float(known[first - 1]), float(known[first])
    for _ in range(24):
        middle = (low + high) / 2
        if map.probabilities([middle])[0] >= _FAILS:
            high = middle
        else:
            low = middle
    return high


def _too_few(fails: Floats, weights: Floats) -> str:
    n, bad = len(fails), int(fails.sum())
    if n < LEAST:
        return f"{n} answers; from {LEAST} on they move it"
    if min(bad, n - bad) < LEAST_EACH:
        kind = "fail" if bad < LEAST_EACH else "are healthy"
        return f"{n} answers, of which {min(bad, n - bad)} {kind}; {LEAST_EACH} of each are needed"
    if (weights > 0).sum() < LEAST // 2:
        drawn = int((weights > 0).sum())
        return f"{n} answers, of which {drawn} were drawn at random; {LEAST // 2} are needed"
    return ""


def _held_out(
    scores: Floats, fails: Floats, weights: Floats, shipped: float
) -> tuple[float, float, tuple[Floats, Floats]]:
    """Log loss of the shipped map and of one fitted on the other answers, and what each answer
    costs under both thresholds: means over the repetitions."""
    n = len(fails)
    loss, cost = np.zeros(n), np.zeros(n)
    random = np.random.default_rng(n)
    for _ in range(_TIMES):
        fold = folds(fails, random, _FOLDS)
        for number in range(_FOLDS):
            out = fold == number
            if not out.any() or not (~out).any():
                continue
            map = fit(scores[~out], fails[~out], shipped)
            threshold = threshold_of(map, scores[~out])
            loss[out] += _log_loss(map.probabilities(scores[out]), fails[out]) / _TIMES
            cost[out] += costs(scores[out], fails[out], threshold) / _TIMES
    before = _log_loss(shipped_map(shipped).probabilities(scores), fails)
    means = [float(np.average(each, weights=weights)) for each in (before, loss)]
    return means[0], means[1], (costs(scores, fails, shipped), cost)


def folds(fails: Floats, random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """The number of the fold of each answer, as many of each kind in every one."""
    fold = np.zeros(len(fails), np.int64)
    for kind in (0.0, 1.0):
        mine = random.permutation(np.flatnonzero(fails == kind))
        fold[mine] = np.arange(len(mine)) % count
    return fold


def _newton(x: Floats, y: Floats, middle: Floats, free: NDArray[np.bool_]) -> Floats:
    found = np.where(free, middle, 0.0)
    for _ in range(40):
        p = _sigmoid(x @ found)
        slope = x.T @ (p - y) + (found - middle) / SPREAD**2
        bend = (x * (p * (1 - p))[:, None]).T @ x + np.diag(1 / SPREAD**2)
        step = np.zeros(3)
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
        # Half steps where a whole one would leap over.
        found = found - step * min(1.0, 2.0 / max(2.0, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-6:
            break
    return found


def features(scores: Floats) -> Floats:
    """1, ln s and -ln(1 - s), shape (n, 3)."""
    s = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.stack([np.ones(len(s)), np.log(s), -np.log1p(-s)], axis=1)


def _sigmoid(logits: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -500, 500)))
    return found


def _log_loss(p: Floats, fails: Floats) -> Floats:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    found: Floats = -(fails * np.log(p) + (1 - fails) * np.log1p(-p))
    return found


def costs(scores: Floats, fails: Floats, threshold: float) -> Floats:
    """What each answer costs where scores from the threshold up fail; shape (n,)."""
    called = scores >= threshold
    found: Floats = COST * (called & (fails == 0)) + 1.0 * (~called & (fails == 1))
    return found


def _wrong(scores: Floats, fails: Floats, threshold: float) -> tuple[int, int]:
    """False alarms and misses."""
    called = scores >= threshold
    return int((called & (fails == 0)).sum()), int((~called & (fails == 1)).sum())


def _fails_same(scores: Floats, one: float, other: float) -> bool:
    return bool(((scores >= one) == (scores >= other)).all())
