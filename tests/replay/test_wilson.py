"""The interval of a share, against SciPy's."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

pytest.importorskip("everyspan", reason="the SDK is not installed: pip install -e sdk")

from everyspan.replay.statistics import wilson


@pytest.mark.parametrize(("failed", "runs"), [(0, 20), (1, 20), (7, 20), (20, 20), (1, 1)])
def test_wilson(failed: int, runs: int) -> None:
    expected = binomtest(failed, runs).proportion_ci(method="wilson")
    assert wilson(failed, runs) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_runs_say_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
