"""How far a single unit counts: means of heavy tails, so that a few units do not decide.

The intervals of sequential.py hold where sums of units are nearly normal. With one unit in a
hundred a thousand times as expensive, or a variance that is infinite, that takes more units than a
small arm ever has. So each unit's numerator counts up to a bound (a winsorised mean) beyond which
`TAIL` units of the smallest variant are expected. Within such bounds no unit has more than a share
of 1 / sqrt(TAIL) of the spread, whatever the distribution (Lyapunov's ratio), and as units come the
bounds move outwards, to the plain mean. The view ``experiment_sums`` does the same in SQL.

J. W. Tukey and D. H. McLaughlin, Less vulnerable confidence and significance procedures for
location based on a single sample, Sankhya A 25 (1963). S. Csorgo, E. Haeusler and D. M. Mason, The
asymptotic distribution of trimmed sums, Annals of Probability 16 (1988). G. Lugosi and S.
Mendelson, Mean estimation and regression under heavy-tailed distributions: a survey,
arXiv:1906.04280.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Units of the smallest variant that are expected beyond either bound.
TAIL = 20
#: Of all units, beyond either bound at most.
_MOST = 0.25
#: Below this share of the largest figure a difference is one of rounding.
_ROUNDING = 1e-9

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Around ``ratio`` times a unit's denominator. ``farthest``: the distance of the farthest unit
    where nothing is bounded, as all units between the bounds would be alike; else 0. Arrays are by
    experiment, as columns."""

    ratio: Array
    lowest: Array
    highest: Array
    bounded: Array
    farthest: Array

    def counted(self, y: Array, x: Array) -> Array:
        """The numerators as they count."""
        expected = self.ratio * x
        inside = expected + np.clip(y - expected, self.lowest, self.highest)
        found: Array = np.where(self.bounded, inside, y)
        return found


def bounds(y: Array, x: Array, smallest: Array, *, rate: bool) -> Bounds:
    """Of the units of all variants together. ``y``, ``x``: by experiment and unit, x over 0.
    ``smallest``: units of each experiment's smallest variant.

    Distances are from what the ratio of all lets expect of a unit, so that a long session is not
    far out for being long. A rate's bounds are no narrower than an average unit that fails in all
    it did: rare failures count in full.
    """
    units = y.shape[1]
    ratio = y.sum(axis=1, keepdims=True) / x.sum(axis=1, keepdims=True)
    distances = np.sort(y - ratio * x, axis=1)
    beyond = np.minimum(
        np.ceil(TAIL * units / np.maximum(smallest, 1)), np.floor(units * _MOST)
    ).astype(int)[:, None]
    lowest = np.take_along_axis(distances, beyond, axis=1)
    highest = np.take_along_axis(distances, units - 1 - beyond, axis=1)
    if rate:
        mean = x.mean(axis=1, keepdims=True)
        lowest, highest = np.minimum(lowest, -mean), np.maximum(highest, mean)
    largest = np.abs(y).max(axis=1, keepdims=True)
    bounded = highest - lowest > _ROUNDING * largest
    far = np.where(bounded, 0.0, np.maximum(distances[:, -1:], -distances[:, :1]))
    return Bounds(ratio, lowest, highest, bounded, np.where(far > _ROUNDING * largest, far, 0.0))
