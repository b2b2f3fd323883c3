"""Do the intervals of classify/reviews/estimate.py hold, and do scores make them narrower?

python -m benchmarks.reviews.coverage

Somebody's traffic is drawn: rows that fail and rows that do not, scored by a classifier of a given
AUROC whose scores are calibrated, over-sure, or worth nothing; it calls those rows failed that are
over its threshold. Reviewers are asked as the page asks them, half of the drawn cases from each
verdict. 500 runs each; beside it the same reviews without the scores (each stratum's own share).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classify.reviews.estimate import Estimate, Quality, Stratum, quality

_ROWS = 20_000
_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """``prevalence``: share that fails. ``gap``: between the two kinds of rows in standard
    deviations. ``threshold``: quantile of the scores from which on a row is called failed."""

    name: str
    prevalence: float
    gap: float
    quantile: float
    shift: float = 0.0
    sharp: float = 1.0


TRAFFICS = (
    Traffic("good, strict (AUROC 0.96)", 0.10, 2.5, 0.95),
    Traffic("middling, strict (AUROC 0.86)", 0.10, 1.5, 0.97),
    Traffic("weak, strict (AUROC 0.71)", 0.20, 0.8, 0.97),
    Traffic("worth nothing (AUROC 0.50)", 0.20, 0.0, 0.95),
    Traffic("failures are rare", 0.01, 2.0, 0.99),
    Traffic("half fails", 0.50, 1.5, 0.60),
    Traffic("over-sure scores", 0.15, 1.5, 0.95, 2.0, 3.0),
    Traffic("scores that are all too low", 0.30, 1.2, 0.97, -3.0),
)


def population(traffic: Traffic, random: np.random.Generator) -> tuple[_Numbers, _Numbers]:
    """Scores and whether each row fails."""
    fails = (random.random(_ROWS) < traffic.prevalence).astype(np.float64)
    latent = random.normal(size=_ROWS) + traffic.gap * fails
    odds = np.log(traffic.prevalence / (1 - traffic.prevalence))
    # Where nothing tells them apart, the scores are about something else.
    slope = traffic.gap or 1.0
    logit = slope * latent - traffic.gap**2 / 2 + odds
    return 1 / (1 + np.exp(-(traffic.sharp * logit + traffic.shift))), fails


def estimated(
    scores: _Numbers, fails: _Numbers, called: NDArray[np.bool_], n: int,
    random: np.random.Generator, *, with_scores: bool,
) -> Quality:  # fmt: skip
    """From n reviews, half of each verdict."""
    strata = []
    for mine, count in ((np.flatnonzero(called), n // 2), (np.flatnonzero(~called), n - n // 2)):
        drawn = random.choice(mine, min(count, len(mine)), replace=False)
        found = Stratum(
            len(mine),
            float(scores[mine].mean()),
            float(scores[mine].var()),
            list(scores[drawn]),
            [bool(each) for each in fails[drawn]],
        )
        # A prediction that is always the same says nothing.
        strata.append(
            found
            if with_scores
            else replace(
                found, mean_score=0.5, score_variance=0.0, reviewed_scores=[0.5] * len(drawn)
            )
        )
    return quality(*strata)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=500)
    given = parser.parse_args()
    print("| traffic | reviews | fail rate | precision | recall | width / reviews alone |")
    print("|---|---|---|---|---|---|")
    for traffic in TRAFFICS:
        for n in (10, 20, 50, 100):
            print(row(traffic, n, given.runs))


def row(traffic: Traffic, n: int, runs: int) -> str:
    """Coverage of each, and how wide the fail rate's interval is against the reviews alone."""
    covered = np.zeros(3)
    widths = np.zeros(2)
    for run in range(runs):
        random = np.random.default_rng([run, n])
        scores, fails = population(traffic, random)
        called = scores >= np.quantile(scores, traffic.quantile)
        truth = (
            fails.mean(),
            fails[called].mean(),
            fails[called].sum() / max(1.0, fails.sum()),
        )
        state = random.bit_generator.state
        found = estimated(scores, fails, called, n, random, with_scores=True)
        random.bit_generator.state = state
        alone = estimated(scores, fails, called, n, random, with_scores=False)
        each = (found.fail_rate, found.precision, found.recall)
        covered += [e.low - 1e-9 <= t <= e.high + 1e-9 for e, t in zip(each, truth, strict=True)]
        widths += [_width(found.fail_rate), _width(alone.fail_rate)]
    shares = " | ".join(f"{100 * c / runs:.1f} %" for c in covered)
    return f"| {traffic.name} | {n} | {shares} | {widths[0] / widths[1]:.2f} |"


def _width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


if __name__ == "__main__":
    main()
