"""A thousand experiments each, looked at after every unit: errors, power, mismatched splits.

What is tested is the code that judges real experiments, on arrays. The figures are printed in the
test's output (`pytest -s`) and stand in experiments/README.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from experiments import balance
from experiments.plan import units_needed
from experiments.sequential import Effect, Sums, effect, factor, tuning
from tests.experiments.simulation import Array, Traffic, naive_z, sums, traffic

EXPERIMENTS, UNITS, PLANNED, MIN_UNITS, ALPHA = 1000, 4000, 2000, 100, 0.05


def judged(variant: Array, y: Array, x: Array, *, rate: bool, alpha: float = ALPHA) -> Effect:
    control, treatment = sums(variant, y, x)
    found = effect(control, treatment, rate=rate, planned_units=PLANNED, alpha=alpha)
    early = np.minimum(control.units, treatment.units) < MIN_UNITS
    low = np.where(early, -np.inf, found.low)
    high = np.where(early, np.inf, found.high)
    return Effect(
        found.control, found.variant, found.estimate, low, high, found.standard_error, found.units
    )


def outside(found: Effect, truth: float = 0.0) -> Array:
    """Whether the interval ever missed the truth, by experiment."""
    missed: Array = ((found.low > truth) | (found.high < truth)).any(axis=1)
    return missed


def z_is_fooled(each: Traffic) -> Array:
    """The textbook test at every look: rows as if independent, 1.96 as if looked at once."""
    control, treatment = sums(each.variant, each.failed, each.rows)
    z = naive_z(control.y, control.x, treatment.y, treatment.x)
    enough = np.minimum(control.units, treatment.units) >= MIN_UNITS
    fooled: Array = ((np.abs(z) > 1.96) & enough).any(axis=1)
    return fooled


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="clustered sessions"),
        pytest.param({"concentration": 0.3}, id="rows of a session nearly alike"),
        pytest.param({"rate": 0.01}, id="rare failures"),
        pytest.param({"share": 0.1}, id="a tenth of the traffic"),
        pytest.param({"share": 0.9, "rate": 0.01}, id="rare failures, a tenth in control"),
        pytest.param({"rows": 20.0}, id="long sessions"),
    ],
)
def test_peeking_is_free(given: dict[str, Any]) -> None:
    """A/A: at most 5 % are ever called, while the naive test calls nearly all."""
    ours: list[bool] = []
    naive: list[bool] = []
    for each in traffic(EXPERIMENTS, UNITS, seed=1, **given):
        ours += list(outside(judged(each.variant, each.failed, each.rows, rate=True)))
        naive += list(z_is_fooled(each))
    print(f"\nA/A {given}: called {np.mean(ours):.1%}, by the naive z-test {np.mean(naive):.1%}")
    assert len(ours) == EXPERIMENTS
    assert np.mean(ours) <= ALPHA
    assert np.mean(naive) > 0.5


def test_sessions_that_are_still_going_on() -> None:
    """Every look finds many sessions half done: their sums grow after they were first counted."""
    random = np.random.default_rng(14)
    units, looks, called = 1600, 40, []
    for each in traffic(300, units, seed=15, rows=4.0):
        most = int(each.rows.max())
        number = np.arange(most)
        rate = each.failed / each.rows
        # Of each session's rows the same number fails as before, in an order by chance.
        row_fails = random.random((*each.rows.shape, most)) < rate[..., None]
        begin = np.sort(random.random(each.rows.shape), axis=1)
        pause = random.exponential(0.02, each.rows.shape)
        at = np.where(
            number < each.rows[..., None], begin[..., None] + pause[..., None] * number, np.inf
        )
        missed = np.zeros(len(each.rows), dtype=bool)
        for look in np.linspace(0.1, 1.2, looks):
            seen = at <= look
            x, y = seen.sum(axis=2, dtype=float), (seen & row_fails).sum(axis=2, dtype=float)
            control, treatment = (
                Sums(
                    *(((x > 0) & arm).sum(axis=1), (y * arm).sum(axis=1), (x * arm).sum(axis=1)),
                    *((v * w * arm).sum(axis=1) for v, w in ((y, y), (x, y), (x, x))),
                )
                for arm in (each.variant == 0, each.variant == 1)
            )
            found = effect(control, treatment, rate=True, planned_units=PLANNED, alpha=ALPHA)
            enough = np.minimum(control.units, treatment.units) >= MIN_UNITS
            missed |= ((found.low > 0) | (found.high < 0)) & enough
        called += list(missed)
    print(f"\nA/A, sessions half done at each look: called {np.mean(called):.1%}")
    assert np.mean(called) <= ALPHA


def test_means_and_ratios_of_heavy_tails() -> None:
    """Cost and latency: log-normal, per unit and per trace of units of different length."""
    random = np.random.default_rng(2)
    called: dict[str, list[bool]] = {"mean": [], "ratio": []}
    for each in traffic(EXPERIMENTS, UNITS, seed=3):
        cost = random.lognormal(0, 1, each.variant.shape)
        one = np.ones_like(cost)
        called["mean"] += list(outside(judged(each.variant, cost, one, rate=False)))
        ratio = judged(each.variant, cost * each.rows, each.rows, rate=False)
        called["ratio"] += list(outside(ratio))
    for name, each_called in called.items():
        print(f"\nA/A log-normal {name}: called {np.mean(each_called):.1%}")
        assert np.mean(each_called) <= ALPHA


def test_many_metrics_and_variants() -> None:
    """Bonferroni: of six intervals at once, none misses in at least 95 % of the experiments."""
    random = np.random.default_rng(4)
    together, each_at_alpha = [], []
    for each in traffic(300, UNITS, seed=5):
        # Three variants: the control against two, by three metrics.
        arm = random.integers(0, 3, each.variant.shape)
        cost = random.lognormal(0, 1, each.variant.shape)
        missed = {alpha: np.zeros(len(arm), dtype=bool) for alpha in (ALPHA, ALPHA / 6)}
        for treatment in (1, 2):
            for y, x, rate in (
                (each.failed, each.rows, True),
                (cost, np.ones_like(cost), False),
                (cost * each.rows, each.rows, False),
            ):
                taking_part = arm != 3 - treatment
                variant = (arm == treatment).astype(float)
                for alpha, found in missed.items():
                    interval = judged(
                        variant, y * taking_part, x * taking_part, rate=rate, alpha=alpha
                    )
                    found |= outside(interval).astype(bool)
        together += list(missed[ALPHA / 6])
        each_at_alpha += list(missed[ALPHA])
    print(
        f"\nA/A, six intervals: one misses in {np.mean(together):.1%};"
        f" uncorrected in {np.mean(each_at_alpha):.1%}"
    )
    assert np.mean(together) <= ALPHA
    assert np.mean(together) < np.mean(each_at_alpha)


def test_the_interval_keeps_a_true_effect() -> None:
    missed: list[bool] = []
    for each in traffic(EXPERIMENTS, UNITS, seed=6, lift=0.05):
        missed += list(outside(judged(each.variant, each.failed, each.rows, rate=True), 0.05))
    assert np.mean(missed) <= ALPHA


# --- power, against the published test ---


def mixture_sprt_power(effect_size: float, deviation: float, looks: int, seed: int) -> Array:
    """Cumulative power of the mixture sequential probability ratio test by number of pairs.

    Johari, Pekelis and Walsh, Always valid inference, arXiv:1512.04922, section on A/B tests of
    normal data with known variance: reject once
    sqrt(V / (V + n tau²)) exp(n² tau² d² / (2 V (V + n tau²))) >= 1 / alpha,
    with V = 2 sigma², d the difference of the means of n pairs, tau² the variance of the mixture.
    Written from that formula alone, on normal data of its own.
    """
    random = np.random.default_rng(seed)
    variance = 2 * deviation**2
    # The tuning of ours, rho² a unit of a pair of arms, as a mixture over effects.
    c = -2 * math.log(ALPHA)
    tau2 = (c + math.log(c + 1)) / PLANNED * 4 * deviation**2
    n = np.arange(1, looks + 1)
    crossed = np.zeros(looks)
    for _ in range(0, EXPERIMENTS, 50):
        steps = random.normal(effect_size, math.sqrt(variance), (50, looks))
        d = np.cumsum(steps, axis=1) / n
        log = 0.5 * np.log(variance / (variance + n * tau2)) + n**2 * tau2 * d**2 / (
            2 * variance * (variance + n * tau2)
        )
        rejects = (log >= math.log(1 / ALPHA)) & (n >= MIN_UNITS)
        crossed += np.maximum.accumulate(rejects, axis=1).sum(axis=0)
    return crossed / EXPERIMENTS


def test_power_is_that_of_the_published_test() -> None:
    """At the same settings: within a tenth of it at every quarter."""
    lift = 0.04
    # What one unit adds: measured on a long A/B run of the same traffic, apart from the test.
    (long,) = traffic(1, 400_000, seed=7, lift=lift)
    control, treatment = sums(long.variant, long.failed, long.rows)
    last = effect(control, treatment, rate=True, planned_units=PLANNED, alpha=ALPHA)
    deviation = float(last.standard_error[0, -1]) * math.sqrt(400_000) / 2
    called = np.zeros(UNITS)
    for each in traffic(EXPERIMENTS, UNITS, seed=8, lift=lift):
        found = judged(each.variant, each.failed, each.rows, rate=True)
        hit = (found.low > 0) | (found.high < 0)
        called += np.maximum.accumulate(hit, axis=1).sum(axis=0)
    ours = called / EXPERIMENTS
    published = mixture_sprt_power(lift, deviation, UNITS // 2, seed=9)
    for units in (1000, 2000, 3000, 4000):
        mine, theirs = ours[units - 1], published[units // 2 - 1]
        print(f"\npower after {units} units: {mine:.1%}, mixture SPRT {theirs:.1%}")
        assert mine == pytest.approx(theirs, rel=0.1)
    assert 0.5 < published[-1] < 0.99


def test_the_time_told_is_kept() -> None:
    """Of the experiments with the effect, eight of ten are decided by the units told, or some more
    as the bound is pessimistic."""
    lift = 0.06
    (long,) = traffic(1, 400_000, seed=10, lift=lift)
    control, treatment = sums(long.variant, long.failed, long.rows)
    last = effect(control, treatment, rate=True, planned_units=PLANNED, alpha=ALPHA)
    deviation = float(last.standard_error[0, -1]) * math.sqrt(400_000)
    told = round(units_needed(lift, deviation, planned_units=PLANNED, alpha=ALPHA))
    decided: list[bool] = []
    for each in traffic(500, told, seed=11, lift=lift):
        decided += list(outside(judged(each.variant, each.failed, each.rows, rate=True)))
    print(f"\n{told} units told for a lift of {lift}: {np.mean(decided):.0%} are decided by then")
    assert 0.75 < np.mean(decided) < 0.95


def test_tuning_is_near_the_narrowest() -> None:
    for alpha in (0.05, 0.001):
        widths = [float(factor(PLANNED, rho2, alpha)) for rho2 in np.geomspace(1e-6, 1, 4000)]
        ours = float(factor(PLANNED, tuning(PLANNED, alpha), alpha))
        assert ours <= min(widths) * 1.001


# --- sample ratio mismatch ---


def path_of_evidence(share: float, experiments: int, units: int, seed: int) -> tuple[Array, Array]:
    """The largest e-value, and chi-square, that anybody who looks after every unit sees."""
    from scipy.special import gammaln

    random = np.random.default_rng(seed)
    n = np.arange(1, units + 1)
    found, chi_square = np.zeros(experiments), np.zeros(experiments)
    for first in range(0, experiments, 100):
        chosen = random.random((min(100, experiments - first), units)) < share
        b = np.cumsum(chosen, axis=1)
        total = np.zeros(b.shape)
        for k in balance.CONCENTRATIONS:
            log = gammaln(k) - gammaln(n + k) - n * math.log(0.5)
            log = log + sum(gammaln(c + k / 2) - gammaln(k / 2) for c in (b, n - b))
            total += np.exp(np.minimum(log, 700))
        chi_square[first : first + 100] = ((2 * b - n) ** 2 / n)[:, 100:].max(axis=1)
        found[first : first + 100] = (total / len(balance.CONCENTRATIONS)).max(axis=1)
        # The vectorised path ends where the code ends.
        last = {"a": int(n[-1] - b[0, -1]), "b": int(b[0, -1])}
        assert balance.evidence(last, {"a": 1, "b": 1}) == pytest.approx(
            total[0, -1] / len(balance.CONCENTRATIONS), rel=1e-6
        )
    return found, chi_square


def test_a_right_split_is_not_called_wrong_by_looking() -> None:
    found, chi_square = path_of_evidence(0.5, 1000, 10_000, seed=12)
    called = np.mean(found >= 1 / balance.ALPHA)
    loosely = np.mean(found >= 20)
    textbook = np.mean(chi_square > 3.841)
    print(
        f"\nright split: called wrong {called:.1%} at alpha 0.001, {loosely:.1%} at 0.05;"
        f" by chi-square at 0.05 {textbook:.1%}"
    )
    # Two of a thousand more than a few times in a thousand suites: alpha is 0.001.
    assert called <= 0.004
    assert loosely <= 0.05 < textbook


@pytest.mark.parametrize(("share", "units"), [(0.4, 1200), (0.45, 4500), (0.47, 12_000)])
def test_a_wrong_split_is_caught(share: float, units: int) -> None:
    found, _ = path_of_evidence(share, 200, units, seed=13)
    caught = np.mean(found >= 1 / balance.ALPHA)
    print(f"\nsplit {share}: caught within {units} units in {caught:.1%}")
    assert caught > 0.95
