"""A head of your own traffic: what answers of people say of texts, beyond the score. Pure.

logit p = c + a ln s - b ln(1 - s) + w · (v - m): s the classifier's own score, v the encoder's
vector of the text that it read, m the mean of those answered. c, a and b are drawn towards the
shipped score and threshold as in calibration.py; w is drawn towards 0, where nothing changes: a
logistic Gaussian process whose mean is the shipped classifier (Rasmussen & Williams 2006, section
3.4). How strongly is chosen by approximate leave-one-out (Rad & Maleki 2020), where not to use the
text at all is a choice.

It joins only where nested cross-validation says so (the strength chosen anew within every fold):
the log loss of answers held out must be better than that of the scores alone by more than its
standard error. Other rows fail by it only where that costs less there by more than two of them;
else it orders the rows, and each fails or passes as it did.

The score that comes out is such that the classifier's own threshold goes on being where a row
fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from classify.reviews import calibration
from classify.reviews.calibration import Answered, Map, features, shipped_map

Floats = NDArray[np.float64]
#: Answers without which no head is looked for, and of each kind.
LEAST, LEAST_EACH = 30, 6
#: Variances of the weights of a text's vector; 0: the text has no say.
_STRENGTHS = (0.0, 1.0, 4.0, 16.0)
_FOLDS, _TIMES = 5, 4
#: Standard errors by which it must be better to join, and must save costs for other rows to fail.
SURE, SURE_TO_RELABEL = 1.0, 2.0
#: No text moves a score by more than this, as a logit.
MOST = 6.0
_WIDEST = 9.0
#: Scores are stored with seven digits.
_SAME = 1e-7


@dataclass(frozen=True, slots=True)
class Head:
    """``map``: of the score. ``weights``: shape (d,), and ``shift``: what the text adds as a logit
    is ``weights · v + shift``. ``threshold``: of the classifier as it comes. ``relabels``: whether
    other rows fail by it; else it orders those that fail, and those that pass."""

    map: Map
    weights: Sequence[float]
    shift: float
    threshold: float
    relabels: bool = True
    _as_array: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_as_array", np.asarray(self.weights, np.float64))

    def scores(self, own: Sequence[float] | Floats, vectors: NDArray[np.floating]) -> Floats:
        """``own``: the classifier's, shape (n,); ``vectors``: (n, d). Shape (n,)."""
        says = np.clip(np.asarray(vectors, np.float64) @ self._as_array + self.shift, -MOST, MOST)
        logits = (
            features(np.asarray(own, np.float64)) @ np.array([self.map.c, self.map.a, self.map.b])
            + says
            - shipped_map(self.threshold).c
        )
        found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -_WIDEST, _WIDEST)))
        if self.relabels:
            return found
        called = np.asarray(own, np.float64) >= self.threshold - _SAME
        kept: Floats = np.where(
            called, np.maximum(found, self.threshold), np.minimum(found, self.threshold - 1e-6)
        )
        return kept


@dataclass(frozen=True, slots=True)
class Found:
    """``head``: None where none joins. ``reason``: in words. ``figures``: on answers held out."""

    head: Head | None
    reason: str
    figures: dict[str, float]


def look(answered: Answered, vectors: NDArray[np.floating], shipped: float) -> Found:
    """``vectors``: of the texts of the answered rows, shape (n, d). ``shipped``: the threshold of
    the classifier as it comes."""
    scores = np.asarray(answered.scores, np.float64)
    fails = np.asarray(answered.fails, np.float64)
    weights = np.asarray(answered.weights, np.float64)
    n = len(fails)
    if reason := too_few(answered):
        return Found(None, reason, {})
    x = np.asarray(vectors, np.float64)
    alone, joined, own = _held_out(scores, x, fails, shipped)
    gain = _log_loss(alone, fails) - _log_loss(joined, fails)
    error = float(gain.std(ddof=1)) / sqrt(n)
    saved = calibration.costs(scores, fails, shipped) - calibration.costs(
        _sigmoid(joined - shipped_map(shipped).c), fails, shipped
    )
    figures = {
        "answers": float(n),
        "head_log_loss_without": round(float(_log_loss(alone, fails).mean()), 4),
        "head_log_loss": round(float(_log_loss(joined, fails).mean()), 4),
        "head_standard_error": round(error, 4),
        "cost_saved": round(float(np.average(saved, weights=weights)), 4),
    }
    shipped_loss = float(_log_loss(own, fails).mean())
    better = gain.mean() > SURE * error and float(np.average(gain, weights=weights)) > 0
    if not better or float(_log_loss(joined, fails).mean()) > shipped_loss:
        return Found(None, f"{n} answers: a local head is not surely better", figures)
    head = fit(scores, x, fails, shipped)
    if head is None:
        return Found(None, f"{n} answers: the score alone is as good as a local head", figures)
    chance = float(saved.std(ddof=1)) / sqrt(n)
    relabels = bool(saved.mean() > 0 and saved.mean() >= SURE_TO_RELABEL * chance)
    relabels = relabels and float(np.average(saved, weights=weights)) >= 0
    does = "other rows fail by it" if relabels else "it orders rows, what fails stays"
    return Found(
        replace(head, relabels=relabels),
        f"{n} answers: a local head joins, log loss of answers held out"
        f" {figures['head_log_loss_without']:.3g} to {figures['head_log_loss']:.3g}; {does}",
        figures,
    )


def too_few(answered: Answered) -> str:
    """Why no head is looked for, '' where one is."""
    n, bad = len(answered), sum(answered.fails)
    if n >= LEAST and min(bad, n - bad) >= LEAST_EACH and any(answered.weights):
        return ""
    return (
        f"{n} answers, of which {bad} fail; a local head needs {LEAST}, {LEAST_EACH} of either kind"
    )


def fit(scores: Floats, x: Floats, fails: Floats, shipped: float) -> Head | None:
    """Of all answers; None where the strength that is best is 0."""
    strength = _strength(scores, x, fails, shipped)
    if not strength:
        return None
    phi, mean = features(scores), x.mean(axis=0)
    prior = _prior(shipped)
    fitted = logistic(phi @ prior, _covariance(phi, x - mean, strength), fails)
    c, a, b = prior + np.diag(calibration.SPREAD**2) @ phi.T @ fitted.residual
    weights = strength * (x - mean).T @ fitted.residual
    map = Map(float(c), max(0.05, float(a)), max(0.05, float(b)))
    return Head(map, [float(each) for each in weights], -float(weights @ mean), shipped)


@dataclass(frozen=True, slots=True)
class Fitted:
    """``residual``: y - p, which all predictions are made of. ``left_out``: logits of each answer
    by the others, approximately."""

    residual: Floats
    left_out: Floats


def _held_out(
    scores: Floats, x: Floats, fails: Floats, shipped: float
) -> tuple[Floats, Floats, Floats]:
    """Logits of each answer by the others: of the score alone, with the text, and as shipped;
    means over repetitions."""
    n = len(fails)
    phi, prior = features(scores), _prior(shipped)
    alone, joined = np.zeros(n), np.zeros(n)
    random = np.random.default_rng(n)
    for _ in range(_TIMES):
        fold = calibration.folds(fails, random, _FOLDS)
        for number in range(_FOLDS):
            out = fold == number
            if not out.any() or out.all():
                continue
            known = ~out
            best = _strength(scores[known], x[known], fails[known], shipped)
            mean = x[known].mean(axis=0)
            for strength, into in ((0.0, alone), (best, joined)):
                fitted = logistic(
                    phi[known] @ prior,
                    _covariance(phi[known], x[known] - mean, strength),
                    fails[known],
                )
                cross = _covariance(phi[out], x[out] - mean, strength, phi[known], x[known] - mean)
                into[out] += (phi[out] @ prior + cross @ fitted.residual) / _TIMES
    return alone, joined, phi @ prior


def _strength(scores: Floats, x: Floats, fails: Floats, shipped: float) -> float:
    """The one under which answers are likeliest that are left out."""
    phi, prior = features(scores), _prior(shipped)
    centred = x - x.mean(axis=0)
    losses = [
        float(_log_loss(
            logistic(phi @ prior, _covariance(phi, centred, each), fails).left_out, fails
        ).mean())
        for each in _STRENGTHS
    ]  # fmt: skip
    return _STRENGTHS[int(np.argmin(losses))]


def _prior(shipped: float) -> Floats:
    return np.array([shipped_map(shipped).c, 1.0, 1.0])


def _covariance(
    phi: Floats, x: Floats, strength: float, phi2: Floats | None = None, x2: Floats | None = None
) -> Floats:
    other, texts = (phi if phi2 is None else phi2), (x if x2 is None else x2)
    found: Floats = (phi * calibration.SPREAD**2) @ other.T + strength * (x @ texts.T)
    return found


def logistic(mean: Floats, covariance: Floats, fails: Floats) -> Fitted:
    """The likeliest logits under a Gaussian prior (Rasmussen & Williams 2006, algorithm 3.1), and
    those of each answer without itself (Rad & Maleki 2020)."""
    n = len(fails)
    f, a = mean.copy(), np.zeros(n)
    for _ in range(30):
        p = _sigmoid(f)
        w = np.maximum(p * (1 - p), 1e-6)
        root = np.sqrt(w)
        inner = np.eye(n) + root[:, None] * covariance * root[None, :]
        b = w * (f - mean) + (fails - p)
        new = b - root * np.linalg.solve(inner, root * (covariance @ b))
        step = new - a
        # A whole step may leap over where a score is very sure and wrong.
        size = min(1.0, 4.0 / max(4.0, float(np.abs(covariance @ step).max())))
        a = a + size * step
        f = mean + covariance @ a
        if float(np.abs(step).max()) < 1e-6:
            break
    p = _sigmoid(f)
    w = np.maximum(p * (1 - p), 1e-6)
    root = np.sqrt(w)
    inner = np.eye(n) + root[:, None] * covariance * root[None, :]
    spread = np.diag(covariance) - np.einsum(
        "ij,ij->j", root[:, None] * covariance, np.linalg.solve(inner, root[:, None] * covariance)
    )
    left_out = f - (fails - p) * spread / np.maximum(1 - w * spread, 1e-3)
    return Fitted(fails - p, left_out)


def _sigmoid(logits: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60)))
    return found


def _log_loss(logits: Floats, fails: Floats) -> Floats:
    found: Floats = np.logaddexp(0.0, np.where(fails > 0, -logits, logits))
    return np.minimum(found, -log(1e-6))
