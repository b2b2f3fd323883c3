"""How well scores tell failing records from healthy ones. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def figures(scores: Floats, labels: Floats, threshold: float) -> dict[str, float]:
    """AUROC, average precision, F1 and balanced accuracy at ``threshold``, recall at 1 % false
    alarms, expected calibration error, false alarms per 10,000 healthy records and the four
    counts. NaN where a label is missing."""
    failed = scores >= threshold
    true = labels == 1
    hits, alarms = int((failed & true).sum()), int((failed & ~true).sum())
    missed, quiet = int((~failed & true).sum()), int((~failed & ~true).sum())
    both = bool(true.any() and (~true).any())
    return {
        "records": float(len(scores)),
        "auroc": auroc(scores, labels) if both else float("nan"),
        "average_precision": average_precision(scores, labels) if both else float("nan"),
        "f1": 2 * hits / max(1, 2 * hits + alarms + missed),
        "balanced_accuracy": (hits / max(1, hits + missed) + quiet / max(1, quiet + alarms)) / 2,
        "recall_at_1_percent_false_alarms": recall_at(scores, labels) if both else float("nan"),
        "expected_calibration_error": calibration_error(scores, labels),
        "false_alarms_per_10000_healthy": 10_000 * alarms / (alarms + quiet)
        if alarms + quiet
        else float("nan"),
        "true_positives": float(hits),
        "false_positives": float(alarms),
        "false_negatives": float(missed),
        "true_negatives": float(quiet),
    }


def auroc(scores: Floats, labels: Floats) -> float:
    """The chance that a failing record scores over a healthy one; ties count half."""
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    size = int((labels == 1).sum())
    total = ranks[labels == 1].sum() - size * (size + 1) / 2
    return float(total / (size * (len(labels) - size))) if len(values) else float("nan")


def average_precision(scores: Floats, labels: Floats) -> float:
    """The mean of precision at each failing record, best scores first."""
    ordered = labels[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    return float(precision[ordered == 1].mean())


def recall_at(scores: Floats, labels: Floats, share: float = 0.01) -> float:
    """Share of failing records over the score that ``share`` of the healthy reach."""
    healthy = np.sort(scores[labels == 0])[::-1]
    return float((scores[labels == 1] > healthy[int(share * len(healthy))]).mean())


def calibration_error(scores: Floats, labels: Floats, bins: int = 10) -> float:
    """Mean distance of score and truth over equal-width bins, weighted by their records."""
    if not len(scores):
        return float("nan")
    which = np.minimum((scores * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(scores[which == b].mean() - labels[which == b].mean()) * (which == b).mean()
            for b in range(bins)
            if (which == b).any()
        )
    )
