"""Confidence sequences: intervals that hold at all times at once, however often one looks.

Asymptotic confidence sequences by Robbins' normal mixture: Waudby-Smith, Arbour, Sinha, Kennedy
and Ramdas, Time-uniform central limit theory and asymptotic confidence sequences, Annals of
Statistics 52 (2024), arXiv:2103.06476, Theorem 2.2. For known variance it is the mixture sequential
probability ratio test of Johari, Koomen, Pekelis and Walsh, Always valid inference, Operations
Research 2022.

An observation is a unit (session, user), never a row: rows of one unit are not independent.
Figures may be single numbers or numpy arrays of them, element by element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

#: float, or an array of them.
Number: TypeAlias = Any

_NO_SPREAD = 1e-12
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Sums:
    """One metric of one variant: sums over ``units`` of y (numerator) and x (denominator) of each
    unit. ``units``: those with x over 0. y counts as far as the bounds of winsorise.py;
    ``y_in_full``: as it was. ``capped``: units beyond. ``farthest``: of winsorise.Bounds."""

    units: Number = 0
    y: Number = 0.0
    x: Number = 0.0
    yy: Number = 0.0
    xy: Number = 0.0
    xx: Number = 0.0
    y_in_full: Number = 0.0
    capped: Number = 0
    farthest: Number = 0.0

    @property
    def ratio(self) -> Number:
        """y / x; NaN where there is none."""
        with np.errstate(all="ignore"):
            return np.float64(self.y) / self.x

    @property
    def in_full(self) -> Number:
        """The ratio with every unit as it was; NaN where there is none."""
        with np.errstate(all="ignore"):
            return np.float64(self.y_in_full) / self.x

    def variance(self, rate: bool) -> Number:
        """Of the ratio, by the delta method over units: sum of (y - ratio x)² / mean(x)² / n(n-1).

        A rate's sum of squares gets 1 more, as if one more unit had failed in all it did: a
        variance that is 0 by chance, as no unit of a small arm has failed yet, claims no certainty.
        (Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B
        2024, add 1/4: too little for rare failures in uneven splits, see README.) A metric in which
        few units differ from the rest gets ``farthest`` squared. NaN below two units.
        """
        with np.errstate(all="ignore"):
            ratio, mean = self.ratio, np.float64(self.x) / self.units
            squares = np.maximum(0.0, self.yy - 2 * ratio * self.xy + ratio * ratio * self.xx)
            squares = squares + np.square(self.farthest)
            found = (squares / (mean * mean) + (1.0 if rate else 0.0)) / (
                np.float64(self.units) * (self.units - 1.0)
            )
            return np.where(np.asarray(self.units) < 2, np.nan, found)[()]


def tuning(planned_units: float, alpha: float) -> float:
    """rho² that makes the interval narrowest at ``planned_units``, nearly.

    The width is least where t rho² - log(t rho² + 1) = -2 log(alpha); this is the first step from
    there (the paper, Appendix, on the choice of rho).
    """
    c = -2 * np.log(alpha)
    return float((c + np.log(c + 1)) / planned_units)


def factor(units: Number, rho2: float, alpha: float) -> Number:
    """Standard errors on either side of the estimate after ``units`` observations.

    1.96 is what a fixed time would have for alpha 0.05. Theorem 2.2 divided by the standard error.
    """
    grown = np.float64(units) * rho2
    with np.errstate(all="ignore"):
        return np.sqrt(2 * (1 + 1 / grown) * np.log(np.sqrt(grown + 1) / alpha))


@dataclass(frozen=True, slots=True)
class Effect:
    """Variant minus control, in the metric's unit, with its interval. NaN where nothing can be said
    yet. ``standard_error``: of the estimate. ``units``: how many evenly split ones would tell as
    much (four times n m / (n + m)); those of both where the split is even. It is the time of the
    sequence: in proportion to the units, but slower where one arm is small. Where no unit of either
    differs from the rest ``standard_error`` is 0 and the interval is the estimate alone."""

    control: Number
    variant: Number
    estimate: Number
    low: Number
    high: Number
    standard_error: Number
    units: Number


def effect(
    control: Sums, variant: Sums, *, rate: bool, planned_units: float, alpha: float
) -> Effect:
    """The difference of two ratios. Both arms' variances add up, as units are assigned apart."""
    together = np.maximum(control.units + variant.units, 1)
    units = 4.0 * control.units * variant.units / together
    variance = control.variance(rate) + variant.variance(rate)
    size = np.maximum(np.abs(control.ratio), np.abs(variant.ratio))
    # A spread below a millionth of the figures is none; what is left of the last digits is neither.
    spread = np.isnan(variance) | (variance * units > _NO_SPREAD * size * size)
    with np.errstate(invalid="ignore"):
        error = np.where(spread, np.sqrt(variance), 0.0)[()]
    estimate = variant.ratio - control.ratio
    estimate = np.where((error == 0) & (np.abs(estimate) <= _ROUNDING * size), 0.0, estimate)[()]
    radius = error * factor(units, tuning(planned_units, alpha), alpha)
    return Effect(
        control.ratio,
        variant.ratio,
        estimate,
        estimate - radius,
        estimate + radius,
        error,
        units,
    )
