"""How small an effect can be found, and when to expect a decision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from experiments.sequential import factor, tuning

#: Of the experiments that have the effect, decided by the time that is told.
POWER = 0.8
_MOST_UNITS = 1e12


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of the first primary metric of one variant. ``detectable``: the smallest true difference that
    would be found by now, with a chance of 80 %. ``effect``: what is waited for: min_effect, else
    the difference seen so far. ``units``, ``days``: until then; infinite for never."""

    variant: str
    metric: str
    detectable: float
    effect: float
    units: float
    days: float


def units_needed(
    effect: float, deviation: float, *, planned_units: int, alpha: float, power: float = POWER
) -> float:
    """Units (control and variant together) until the interval excludes 0, for a true ``effect``.

    ``deviation``: standard error of the estimate times the root of the units: what one unit adds.
    The interval's radius there plus a normal quantile is the effect; the chance to have crossed
    earlier makes it a little pessimistic. Infinite for no effect.
    """
    if not effect or math.isnan(effect) or math.isnan(deviation):
        return math.inf
    rho2, quantile = tuning(planned_units, alpha), NormalDist().inv_cdf(power)

    def missing(log_units: float) -> float:
        units = math.exp(log_units)
        wide = float(factor(units, rho2, alpha)) + quantile
        return wide * deviation / math.sqrt(units) - abs(effect)

    if missing(0.0) <= 0:
        return 1.0
    low, high = 0.0, math.log(_MOST_UNITS)
    if missing(high) > 0:
        return math.inf
    # What is missing falls with every unit: halving ends where brackets are narrower than a float.
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if missing(middle) > 0 else (low, middle)
    return math.exp(high)


def detectable(
    units: float, deviation: float, *, planned_units: int, alpha: float, power: float = POWER
) -> float:
    """The smallest true effect that is found with ``power`` by ``units``; NaN where unknown."""
    if units <= 0:
        return math.nan
    needed = float(factor(units, tuning(planned_units, alpha), alpha)) + NormalDist().inv_cdf(power)
    return needed * deviation / math.sqrt(units)
