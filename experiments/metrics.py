"""What an experiment can be judged by. Each metric is a ratio of two sums over units.

The sums of each unit are made in SQL: view ``experiment_outcomes`` of
clickhouse/migrations/0009_experiments.sql.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class MetricKind:
    """``meaning``: numerator / denominator, in words. ``rate``: both are counts and the ratio is
    0 to 1. ``better``: which way is good where a definition does not say."""

    meaning: str
    unit: str
    rate: bool = False
    better: Direction = "lower"


#: Beside the fail rate of each classifier.
OPERATIONAL: Mapping[str, MetricKind] = {
    "error_rate": MetricKind("traces that end in an error / traces", "", rate=True),
    "latency_ms": MetricKind("duration of the traces / traces", "ms"),
    "cost_usd": MetricKind("cost of the traces / traces", "USD"),
    "tokens": MetricKind("input and output tokens / traces", "tokens"),
    "cost_usd_per_unit": MetricKind("cost of the units / units", "USD"),
    "traces_per_unit": MetricKind("traces / units", "traces"),
    "thumbs_down": MetricKind("thumbs down / thumbs", "", rate=True),
}


def kind_of(metric: str) -> MetricKind:
    """Of a name that is no operational metric: the fail rate of the classifier of that name."""
    return OPERATIONAL.get(metric) or MetricKind("failed / judged spans", "", rate=True)
