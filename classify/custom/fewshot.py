"""Learns a head from a few examples by what they are about, against what else there is in the
traffic: where there is too little of it to know which words are rare (blend.py is for more), and
where examples were taught before words counted.

score = x · m - crowd(x): x a text's vector, centred on the background and of unit length, m the
direction of the positives, crowd(x) the mean likeness of x to the two in a hundred background
texts next to it. A text in the middle of a crowd is like everything, also like the positives; what
counts is to be more like them than like its own neighbours (cross-domain similarity local scaling,
Conneau et al. 2018, section 2.3, here against the background instead of a second language). A text
nearer to a confirmed negative than to any positive loses twice the difference. Where what is looked
for is itself a crowd (more than three in a hundred background texts are as like the positives as
these are among themselves), the background goes without it.

The threshold lies between what one in a hundred of the background scores (without what is as like
the positives as these among themselves) and what positives do when left out, and no higher than a
positive that taught: no share of failures is presumed. benchmarks/fewshot measures all of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
#: The background next to a text, of which its crowd is the mean.
_CROWD = 0.02
#: Texts of the background that are a crowd at least.
_LEAST_CROWD = 10
#: Of the likeness of the positives among themselves: from there up it is what is looked for,
#: where more of the background than _OFTEN is as like.
_SAME, _OFTEN = 0.7, 0.03
#: Principal components that likeness to the background is looked up in.
_COMPONENTS = 48
_AGAINST_NEGATIVES = 2.0
#: The threshold's range begins at what this share of the background is over; where it lies in it.
_TAIL, _BETWEEN = 0.01, 0.6
#: Slope of the probability over that range: 0.92 where left-out positives lie.
_STEEP = 6.0
LEAST_POSITIVES, LEAST_BACKGROUND = 3, 10
#: Positives from which on a figure of them says something: four that are told apart from everything
#: else are told apart by their topic, and say "auroc 1" whatever it will do.
TELLING = 10
#: Probabilities from there up fail where nobody says otherwise.
THRESHOLD = 0.5
#: Rows that are scored at a time: bounds the memory, 4 bytes a row and background text.
_ROWS = 4096


@dataclass(frozen=True)
class Head:
    """Shapes, of vectors with d numbers: ``centre`` (d), ``positives`` (p, d) and ``negatives``
    (n, d) centred and of unit length, ``basis`` (d, r), ``bank`` (k, r) the background in it.

    probability = sigmoid(_STEEP * (score - middle) / width).
    """

    centre: Floats
    positives: Floats
    negatives: Floats
    basis: Floats
    bank: Floats
    middle: float = 0.0
    width: float = 1.0
    threshold: float = THRESHOLD
    quality: dict[str, Any] = field(default_factory=dict)
    enough: bool = True
    reason: str = ""

    def score(self, vectors: Floats, texts: Sequence[str] = ()) -> NDArray[np.float64]:
        """Probabilities, shape (n,). ``texts`` say nothing to it."""
        plain = (self.plain(vectors) - self.middle) / self.width
        # Small ones stay apart from each other: none is rounded to 0.
        return 1.0 / (1.0 + np.exp(np.minimum(-_STEEP * plain, 600.0)))

    def plain(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """What the probabilities are made of, shape (n,)."""
        likes, crowd = self._likeness(_unit(np.asarray(vectors, np.float32) - self.centre))
        return (likes - crowd).astype(np.float64)

    def left_out(
        self, background: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``plain`` of each positive by the others, and of each of the ``background`` that it was
        learned against, none its own neighbour."""
        _, crowds = self._likeness(self.positives)
        known, near = self._likeness(_unit(np.asarray(background, np.float32) - self.centre), True)
        return (_left_out(self.positives) - crowds).astype(np.float64), (known - near).astype(
            np.float64
        )

    def _likeness(self, x: Floats, own: bool = False) -> tuple[Floats, Floats]:
        """To the positives, less what the negatives take; and to the crowd. ``own``: x is the
        bank, and none is its own neighbour."""
        likes = x @ _direction(self.positives)
        if len(self.negatives):
            nearer = (x @ self.negatives.T).max(axis=1) - (x @ self.positives.T).max(axis=1)
            likes = likes - _AGAINST_NEGATIVES * np.maximum(nearer, 0.0)
        crowd = np.zeros(len(x), np.float32)
        size = len(self.bank) - own
        if size > 0:
            near = min(size, max(_LEAST_CROWD, round(_CROWD * size)))
            for at in range(0, len(x), _ROWS):
                table = x[at : at + _ROWS] @ self.basis @ self.bank.T
                if own:
                    rows = np.arange(len(table))
                    table[rows, at + rows] = -1.0
                crowd[at : at + _ROWS] = np.partition(table, -near, axis=1)[:, -near:].mean(axis=1)
        return likes, crowd

    def to_bytes(self) -> bytes:
        """As a numpy archive: 130 KB with 2,000 background texts, fewer with fewer."""
        bank, scale = _in_eight_bits(self.bank)
        file = io.BytesIO()
        np.savez_compressed(
            file,
            centre=self.centre.astype(np.float16),
            positives=self.positives.astype(np.float16),
            negatives=self.negatives.astype(np.float16),
            basis=self.basis.astype(np.float16),
            bank=bank,
            numbers=np.array([self.middle, self.width, self.threshold, scale]),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Head:
        """Raises ValueError, KeyError or OSError where these are no such bytes."""
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            middle, width, threshold, scale = map(float, found["numbers"])
            return cls(
                found["centre"].astype(np.float32),
                found["positives"].astype(np.float32),
                found["negatives"].astype(np.float32),
                found["basis"].astype(np.float32),
                found["bank"].astype(np.float32) * np.float32(scale),
                middle,
                width,
                threshold,
            )


def learn(positives: Floats, negatives: Floats, background: Floats) -> Head:
    """Shapes (p, d), (n, d) and (k, d); p is 2 at least, n and k may be 0."""
    width = positives.shape[1]
    many = len(background) >= LEAST_BACKGROUND
    centre = background.mean(axis=0) if many else np.zeros(width)
    ours = _unit(positives - centre)
    # How like each positive is to the others.
    apart = _left_out(ours)
    others = np.zeros((0, width), np.float32)
    if many:
        others = _others(ours, float(apart.mean()), _unit(background - centre))
    basis = _principal(others)
    bank, scale = _in_eight_bits(others @ basis)
    head = Head(
        centre.astype(np.float32),
        ours,
        _unit(negatives - centre),
        basis,
        bank.astype(np.float32) * np.float32(scale),
    )
    known, crowds = head._likeness(others, own=True)
    usual = (known - crowds)[known < apart.mean()]
    likes, crowds = head._likeness(ours)
    left_out = apart - crowds
    high = float(left_out.mean())
    low = _top(usual) if many else min(0.5 * high, 0.3)
    # Also when it is read back rounded.
    lowest = float((likes - crowds).min()) - 0.01
    middle = min(_in_between(low, high), lowest)
    reason = ""
    if len(positives) < LEAST_POSITIVES:
        reason = f"{len(positives)} positive examples are too few; give {LEAST_POSITIVES} or more"
    elif len(background) + len(negatives) < LEAST_BACKGROUND:
        reason = "there is too little other traffic to tell them from; wait, or give negatives"
    quality: dict[str, Any] = {"positives": len(positives)}
    if many and len(positives) >= TELLING:
        beaten = np.mean([np.mean(usual < each) for each in left_out])
        quality = {"auroc": round(float(beaten), 4), **quality}
    return replace(
        head,
        middle=middle,
        width=max(abs(high - low), 0.05),
        quality=quality,
        enough=not reason,
        reason=reason,
    )


def between(left_out: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The threshold of positives that are left out and of the background, without what is as like
    them as they are."""
    high = float(left_out.mean())
    usual = others[others < high]
    return _in_between(_top(usual) if len(usual) else high, high)


def _top(usual: NDArray[np.floating]) -> float:
    return float(np.quantile(usual, 1.0 - _TAIL))


def _in_between(low: float, high: float) -> float:
    return low + _BETWEEN * max(high - low, 0.0)


def _others(positives: Floats, among_themselves: float, background: Floats) -> Floats:
    """The background without what is looked for, where that is a crowd."""
    likes = background @ _direction(positives)
    same = likes >= _SAME * among_themselves
    if np.mean(likes >= among_themselves) <= _OFTEN or len(likes) - same.sum() < LEAST_BACKGROUND:
        return background
    return background[~same]


def _left_out(positives: Floats) -> Floats:
    """How like each positive is to the others, shape (p,)."""
    likes = [each @ _direction(np.delete(positives, i, axis=0)) for i, each in enumerate(positives)]
    return np.array(likes, np.float32)


def _direction(positives: Floats) -> Floats:
    mean: Floats = _unit(positives.mean(axis=0, keepdims=True))[0]
    return mean


def _principal(rows: Floats) -> Floats:
    """The directions in which the rows differ most, shape (d, at most _COMPONENTS)."""
    if not len(rows):
        return np.zeros((rows.shape[1], 0), np.float32)
    _, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    size = min(_COMPONENTS, *rows.shape)
    found: Floats = vectors[:, ::-1][:, :size].astype(np.float16).astype(np.float32)
    return found


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return found


def _in_eight_bits(rows: Floats) -> tuple[NDArray[np.int8], float]:
    scale = float(np.abs(rows).max()) / 127 if rows.size else 1.0
    return np.round(rows / (scale or 1.0)).astype(np.int8), scale or 1.0
