"""Experiments that never happened, by split and distribution, looked at sixty times as they grow.

What is measured is the code that judges real ones: the bounds of experiments/winsorise.py and the
intervals of experiments/sequential.py. `bounded` = False leaves the bounds away, for comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from experiments.sequential import Sums, effect
from experiments.winsorise import bounds

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]

PLANNED, MIN_UNITS, LOOKS = 2000, 100, 60
#: Experiments that are held in memory at once.
_CHUNK = 50


def _one_in_a_hundred(random: np.random.Generator, shape: tuple[int, int]) -> Array:
    usual = random.lognormal(0, 0.5, shape)
    return np.where(random.random(shape) < 0.01, 1000 * usual, usual)


#: Cost of a unit.
COSTS: Mapping[str, Draw] = {
    "normal": lambda random, shape: random.normal(10, 3, shape),
    "log-normal, σ 1": lambda random, shape: random.lognormal(0, 1, shape),
    "log-normal, σ 2": lambda random, shape: random.lognormal(0, 2, shape),
    "Pareto 1.5": lambda random, shape: 1 + random.pareto(1.5, shape),
    "1 % of units huge": _one_in_a_hundred,
    "zero, but for 1 % of units": lambda random, shape: np.where(
        random.random(shape) < 0.01, random.lognormal(0, 1, shape), 0.0
    ),
}

#: Judged spans of a unit, a tenth of which fail, in some units more than in others.
LENGTHS: Mapping[str, Draw] = {
    "geometric": lambda random, shape: random.geometric(1 / 6, shape).astype(float),
    "Pareto 1.5": lambda random, shape: np.ceil(1 + random.pareto(1.5, shape)),
    "1 % of units huge": lambda random, shape: np.where(
        random.random(shape) < 0.01, 1000.0, random.geometric(1 / 6, shape)
    ),
}


def _shapes(experiments: int, units: int) -> Iterator[tuple[int, int]]:
    """Of the chunks that all experiments are drawn in."""
    for first in range(0, experiments, _CHUNK):
        yield min(_CHUNK, experiments - first), units


def costs(
    name: str, share: float, experiments: int, units: int, seed: int, lift: float = 0.0
) -> Iterator[tuple[Array, Array, Array]]:
    """Chunks of `(variant, y, x)`. `lift`: of the variant's units, 0.1 for 10 % more."""
    random = np.random.default_rng(seed)
    for shape in _shapes(experiments, units):
        y = COSTS[name](random, shape)
        variant = (random.random(shape) < share).astype(float)
        yield variant, y * (1 + lift * variant), np.ones(shape)


def rates(
    name: str, share: float, experiments: int, units: int, seed: int, lift: float = 0.0
) -> Iterator[tuple[Array, Array, Array]]:
    """The same of failed and judged spans. `lift`: added to the variant's rate."""
    random = np.random.default_rng(seed)
    for shape in _shapes(experiments, units):
        x = LENGTHS[name](random, shape)
        variant = (random.random(shape) < share).astype(float)
        mean = 0.1 + lift * variant
        own = random.beta(2 * mean, 2 * (1 - mean))
        yield variant, random.binomial(x.astype(int), own).astype(float), x


def called(
    traffic: Iterator[tuple[Array, Array, Array]],
    *,
    rate: bool,
    alpha: float = 0.05,
    bounded: bool = True,
) -> float:
    """The share of the experiments whose interval ever left 0 out."""
    found: list[bool] = []
    for variant, y, x in traffic:
        missed = np.zeros(len(y), dtype=bool)
        units = y.shape[1]
        for look in np.unique(np.geomspace(2 * MIN_UNITS, units, LOOKS).astype(int)):
            missed |= _is_called(variant[:, :look], y[:, :look], x[:, :look], rate, alpha, bounded)
        found += list(missed)
    return float(np.mean(found))


def _is_called(
    variant: Array, y: Array, x: Array, rate: bool, alpha: float, bounded: bool
) -> NDArray[np.bool_]:
    treated = variant.sum(axis=1)
    smallest = np.minimum(treated, y.shape[1] - treated)
    farthest: Array = np.zeros(len(y))
    if bounded:
        limits = bounds(y, x, smallest, rate=rate)
        y, farthest = limits.counted(y, x), limits.farthest[:, 0]

    def sums(arm: Array) -> Sums:
        def total(values: Array) -> Array:
            found: Array = (values * arm).sum(axis=1)
            return found

        return Sums(
            total(np.ones_like(y)), total(y), total(x), total(y * y), total(x * y), total(x * x),
            farthest=farthest,
        )  # fmt: skip

    judged = effect(sums(1 - variant), sums(variant), rate=rate, planned_units=PLANNED, alpha=alpha)
    outside = (judged.low > 0) | (judged.high < 0)
    found: NDArray[np.bool_] = outside & (smallest >= MIN_UNITS) & (judged.standard_error > 0)
    return found
