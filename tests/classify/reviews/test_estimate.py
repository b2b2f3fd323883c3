"""How good a classifier is, from few answers: intervals hold, and nothing is claimed unasked."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from benchmarks.reviews.coverage import TRAFFICS, estimated, population
from classify.reviews.estimate import UNKNOWN, Stratum, quality, reviews_for
from classify.reviews.review_store import Review, contradicted, settled

NOBODY = Stratum(0, 0.0, 0.0, [], [])


def passing(n: int = 20, missed: int = 0, rows: int = 1000) -> Stratum:
    return Stratum(rows, 0.05, 0.002, [0.05] * n, [True] * missed + [False] * (n - missed))


def failing(n: int = 20, right: int = 18, rows: int = 100) -> Stratum:
    return Stratum(rows, 0.9, 0.01, [0.9] * n, [True] * right + [False] * (n - right))


@pytest.mark.parametrize("traffic", TRAFFICS, ids=lambda traffic: traffic.name)
@pytest.mark.parametrize("n", [10, 50])
def test_the_interval_holds_the_truth(traffic: object, n: int) -> None:
    """150 runs; what 500 say is in classify/README.md."""
    held = runs = 150
    for run in range(runs):
        random = np.random.default_rng([run, n, 7])
        scores, fails = population(traffic, random)  # type: ignore[arg-type]
        called = scores >= np.quantile(scores, traffic.quantile)  # type: ignore[attr-defined]
        found = estimated(scores, fails, called, n, random, with_scores=True).fail_rate
        held -= not found.low <= fails.mean() <= found.high
    assert held / runs >= 0.93


def test_without_an_answer_nothing_is_known() -> None:
    found = quality(Stratum(100, 0.9, 0.01, [], []), Stratum(1000, 0.05, 0.01, [], []))
    assert found.fail_rate == found.precision == found.recall == UNKNOWN
    assert not quality(NOBODY, NOBODY).fail_rate.is_known
    assert reviews_for(UNKNOWN, 0.1) == 10


def test_shares_stand_within_their_intervals() -> None:
    found = quality(failing(), passing(missed=1))
    assert found.precision.value == pytest.approx(0.9)
    assert 0.5 < found.precision.low < 0.9 < found.precision.high <= 1.0
    assert found.fail_rate.value == pytest.approx(0.9 * 100 / 1100 + 0.05 * 1000 / 1100)
    assert 0 < found.recall.low < found.recall.value < found.recall.high <= 1
    assert reviews_for(found.precision, 0.01) > 100


def test_a_thousand_answers_of_one_kind() -> None:
    """All say right: near to 1, and still no certainty; of the others nothing is claimed."""
    found = quality(failing(1000, 1000, 5000), Stratum(1000, 0.05, 0.01, [], []))
    assert found.precision.value == 1.0
    assert 0.99 < found.precision.low < found.precision.high == 1.0
    assert not found.recall.is_known
    assert found.fail_rate.high - found.fail_rate.low > 0.1


def test_scores_that_are_none_are_left_out() -> None:
    nan = float("nan")
    found = quality(Stratum(100, 1.0, 0.0, [nan] * 6, [True] * 6), passing())
    assert found.precision.value == 1.0


def review(answer: str, reviewer: str, label: str = "fail", span: str = "a") -> Review:
    return Review("c", "t", span, answer, label, 0.9, "random", reviewer, "s", datetime.now(UTC))


def test_contradicting_answers_count_for_neither() -> None:
    both = [review("right", "anna"), review("wrong", "ben")]
    assert settled(both) == {}
    assert contradicted(both) == 1
    most = [*both, review("right", "cem")]
    assert settled(most)["t", "a"][1] is True
    assert settled([review("wrong", "anna", "pass")])["t", "a"][1] is True, "it was missed"
    assert settled([review("unsure", "anna")]) == {}
