"""Learns a head from a few examples: Fisher's discriminant against what else there is.

w = (S + r I)^-1 (mean of positives - mean of background), S the background's covariance; a logistic
curve over w's scores, half way between what positives score when left out and what hardly any
background does. Vectors have unit length.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SHRINK = 0.3
_STEEP = 6.0
_LEAST = 3


@dataclass(frozen=True)
class Head:
    """``weights``: shape (d,). score = sigmoid(steep * (v @ weights - middle) / width)."""

    weights: Floats
    middle: float
    width: float
    threshold: float = 0.5
    quality: dict[str, Any] = field(default_factory=dict)
    enough: bool = True
    reason: str = ""

    def score(self, vectors: Floats) -> NDArray[np.float64]:
        """Probabilities, shape (n,)."""
        x = (np.asarray(vectors, np.float64) @ self.weights - self.middle) / self.width
        found: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * _STEEP * x))
        return found

    def to_bytes(self) -> bytes:
        """As a numpy archive."""
        file = io.BytesIO()
        np.savez(
            file,
            weights=self.weights.astype(np.float16),
            numbers=np.array([self.middle, self.width, self.threshold]),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Head:
        """Raises ValueError, KeyError or OSError where these are no such bytes."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            middle, width, threshold = map(float, found["numbers"])
            return cls(found["weights"].astype(np.float32), middle, width, threshold)


def learn(positives: Floats, negatives: Floats, background: Floats) -> Head:
    """Shapes (p, d), (n, d) and (k, d); p is 2 at least. Negatives weigh as much as ten background
    texts each."""
    others = np.concatenate([background, *([negatives] * (10 if len(negatives) else 0))])
    left_out = []
    for i in range(len(positives)):
        rest = np.delete(positives, i, axis=0)
        left_out.append(float(positives[i] @ _direction(rest, others)))
    weights = _direction(positives, others)
    low = float(np.quantile(others @ weights, 0.995)) if len(others) else 0.0
    high = float(np.mean(left_out))
    middle = 0.85 * low + 0.15 * high if high > low else high
    width = max(abs(high - low), 0.05)
    beaten = np.mean([np.mean(others @ weights < each) for each in left_out]) if len(others) else 0
    quality = {"auroc": round(float(beaten), 4), "positives": len(positives)}
    reason = ""
    if len(positives) < _LEAST:
        reason = f"{len(positives)} positive examples are too few; give {_LEAST} or more"
    elif len(others) < 10:
        reason = "there is too little other traffic to tell them from; wait, or give negatives"
    return Head(weights, middle, width, 0.5, quality, not reason, reason)


def _direction(positives: Floats, others: Floats) -> Floats:
    mean = positives.mean(axis=0)
    if len(others):
        centre = others.mean(axis=0)
        spread = (others - centre).T @ (others - centre) / len(others)
        ridge = _SHRINK * max(float(np.trace(spread)) / len(mean) * 10, 1e-4)
        found = np.linalg.solve(spread + ridge * np.eye(len(mean)), mean - centre)
    else:
        found = mean
    unit: Floats = (found / max(float(np.linalg.norm(found)), 1e-9)).astype(np.float32)
    return unit
