"""Experiments that never happened: units arrive one after the other, many experiments at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.sequential import Sums

Array = NDArray[np.float64]
#: Experiments that are held in memory at once.
_CHUNK = 50


@dataclass(frozen=True)
class Traffic:
    """A chunk of experiments. Axes: experiment, unit in order of arrival.

    ``variant``: 0 for control. ``failed``, ``rows``: of each unit's spans."""

    variant: Array
    failed: Array
    rows: Array


def traffic(
    experiments: int,
    units: int,
    seed: int,
    *,
    rate: float = 0.1,
    lift: float = 0.0,
    concentration: float = 2.0,
    rows: float = 6.0,
    share: float = 0.5,
) -> Iterator[Traffic]:
    """Sessions as agents have them: of very different length (geometric, ``rows`` on average), and
    with a fail rate of their own (beta; the smaller ``concentration``, the more alike the rows of
    one session are). ``lift`` is added to the variant's rate."""
    random = np.random.default_rng(seed)
    for first in range(0, experiments, _CHUNK):
        shape = (min(_CHUNK, experiments - first), units)
        variant = (random.random(shape) < share).astype(float)
        mean = rate + lift * variant
        own = random.beta(concentration * mean, concentration * (1 - mean))
        count = random.geometric(1 / rows, shape)
        failed = random.binomial(count, own)
        yield Traffic(variant, failed.astype(float), count.astype(float))


def sums(variant: Array, y: Array, x: Array) -> tuple[Sums, Sums]:
    """Control and variant after each unit: what SQL would have summed up by then."""

    def of(mask: Array) -> Sums:
        def total(values: Array) -> Array:
            return np.cumsum(values * mask, axis=1)

        return Sums(
            np.cumsum(mask * (x > 0), axis=1), total(y), total(x), total(y * y), total(x * y),
            total(x * x),
        )  # fmt: skip

    return of(1 - variant), of(variant)


def naive_z(control_y: Array, control_x: Array, variant_y: Array, variant_x: Array) -> Array:
    """The textbook two-proportion z at each moment, as if every row were independent."""
    with np.errstate(all="ignore"):
        pooled = (control_y + variant_y) / (control_x + variant_x)
        error = np.sqrt(pooled * (1 - pooled) * (1 / control_x + 1 / variant_x))
        found: Array = (variant_y / variant_x - control_y / control_x) / error
    return found
