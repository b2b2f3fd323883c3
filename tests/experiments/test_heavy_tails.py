"""A part of `python -m benchmarks.experiments.run`; the whole is in experiments/README.md."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.experiments.heavy_tails import called, costs, rates
from experiments.sequential import Sums, effect
from experiments.winsorise import bounds

EXPERIMENTS, UNITS, ALPHA = 200, 2500, 0.05


@pytest.mark.parametrize("share", [0.5, 0.1, 0.05])
@pytest.mark.parametrize(
    "name",
    ["log-normal, σ 2", "Pareto 1.5", "1 % of units huge", "zero, but for 1 % of units"],
)
def test_a_few_units_do_not_decide(name: str, share: float) -> None:
    """A/A, looked at sixty times: at most 5 % are ever called, whatever the split."""
    assert called(costs(name, share, EXPERIMENTS, UNITS, seed=1), rate=False) <= ALPHA


def test_without_bounds_they_do() -> None:
    """What the table is held against: the same traffic, every unit as it is."""
    traffic = costs("1 % of units huge", 0.1, EXPERIMENTS, UNITS, seed=1)
    assert called(traffic, rate=False, bounded=False) > 3 * ALPHA


def test_sessions_of_a_thousand_spans_do_not_decide_a_rate() -> None:
    for share in (0.1, 0.05):
        traffic = rates("1 % of units huge", share, EXPERIMENTS, UNITS, seed=1)
        assert called(traffic, rate=True) <= ALPHA
    traffic = rates("1 % of units huge", 0.05, EXPERIMENTS, UNITS, seed=1)
    assert called(traffic, rate=True, bounded=False) > ALPHA


@pytest.mark.parametrize("name", ["normal", "log-normal, σ 1"])
def test_ordinary_metrics_keep_their_power(name: str) -> None:
    lift = {"normal": 0.03, "log-normal, σ 1": 0.12}[name]
    bounded, plain = (
        called(costs(name, 0.5, EXPERIMENTS, UNITS, 2, lift), rate=False, bounded=each)
        for each in (True, False)
    )
    assert plain > 0.1
    assert bounded >= 0.95 * plain


def test_bounds_counted_by_hand() -> None:
    """A thousand units of which the smallest variant has 200: 100 are to be beyond either bound."""
    y = np.arange(1000.0)[None, :]
    found = bounds(y, np.ones_like(y), np.array([200]), rate=False)
    counted = found.counted(y, np.ones_like(y))
    assert (counted.min(), counted.max()) == (100, 899)
    assert (counted != y).sum() == 200
    # No more than a quarter on either side.
    tiny = bounds(y, np.ones_like(y), np.array([5]), rate=False).counted(y, np.ones_like(y))
    assert (tiny.min(), tiny.max()) == (250, 749)


def test_rare_failures_count_in_full() -> None:
    y = np.zeros((1, 1000))
    y[0, :7] = 1
    found = bounds(y, np.ones_like(y), np.array([100]), rate=True)
    assert (found.counted(y, np.ones_like(y)) == y).all()


def test_no_spread_is_an_interval_of_the_estimate_alone() -> None:
    alike = Sums(units=1000, y=100.0, x=1000.0, yy=10.0, xy=100.0, xx=1000.0)
    found = effect(alike, alike, rate=False, planned_units=2000, alpha=ALPHA)
    assert (found.standard_error, found.estimate, found.low, found.high) == (0, 0, 0, 0)
    # A few that are not: the interval is that of one more such unit.
    rare = Sums(1000, 100.0, 1000.0, 10.0, 100.0, 1000.0, farthest=5.0)
    found = effect(rare, rare, rate=False, planned_units=2000, alpha=ALPHA)
    assert found.low < -0.01
    assert found.high > 0.01
