"""Figures of a head: ranking, calibration, thresholds. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Share of healthy texts that may fail.
FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class Result:
    """score = sigmoid((logit - bias) / temperature). ``held``: on sources never trained on."""

    temperature: float
    bias: float
    threshold: float
    check_auroc: float
    held_auroc: float
    held_precision: float
    held_recall: float
    held_ece: float
    by_source: dict[str, tuple[int, int, float]]


def auroc(scores: Floats, labels: Floats) -> float:
    """Chance that a failing one scores over a healthy one; NaN without both."""
    fails, healthy = scores[labels == 1], scores[labels == 0]
    if not len(fails) or not len(healthy):
        return float("nan")
    order = np.concatenate([fails, healthy]).argsort(kind="stable").argsort(kind="stable") + 1.0
    values = np.concatenate([fails, healthy])
    for value in np.unique(values):
        same = values == value
        order[same] = order[same].mean()
    size = len(fails)
    return float((order[:size].sum() - size * (size + 1) / 2) / (size * len(healthy)))


def average_precision(scores: Floats, labels: Floats) -> float:
    """Area under precision over recall."""
    ordered = labels[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(ordered)
    return float((hits / np.arange(1, len(ordered) + 1))[ordered == 1].mean()) if hits[-1] else 0.0


def threshold_for(scores: Floats, labels: Floats, share: float = FALSE_ALARMS) -> float:
    """The lowest score over which at most ``share`` of the healthy lie."""
    healthy = np.sort(scores[labels == 0])[::-1]
    return float(np.nextafter(healthy[int(share * len(healthy))], np.inf)) if len(healthy) else 0.5


def calibration_error(scores: Floats, labels: Floats, bins: int = 10) -> float:
    """Expected calibration error, equal-width bins."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(scores[which == b].mean() - labels[which == b].mean()) * (which == b).mean()
            for b in range(bins)
            if (which == b).any()
        )
    )


def platt(logits: Floats, labels: Floats) -> tuple[float, float]:
    """Temperature and bias that make sigmoid((logit - bias) / temperature) a probability, with
    both labels counting alike."""
    slope, offset = 1.0, 0.0
    weights = np.where(labels == 1, 0.5 / max(labels.sum(), 1), 0.5 / max((1 - labels).sum(), 1))
    for _ in range(500):
        scores = 1 / (1 + np.exp(-np.clip(slope * logits + offset, -30, 30)))
        wrong = (scores - labels) * weights
        curve = scores * (1 - scores) * weights + 1e-6 * weights
        a, b, c = (curve * logits**2).sum(), (curve * logits).sum(), curve.sum()
        steps = np.linalg.solve(
            [[a + 1e-6, b], [b, c + 1e-6]], [(wrong * logits).sum(), wrong.sum()]
        )
        slope, offset = max(0.05, slope - 0.5 * steps[0]), offset - 0.5 * steps[1]
        if abs(steps).max() < 1e-7:
            break
    return 1 / slope, -offset / slope


def calibrated(
    check: Floats, check_labels: Floats, held: Floats, held_labels: Floats, sources: list[str]
) -> Result:
    """Calibrate on the one, measure and set the threshold on the other."""
    temperature, bias = platt(check, check_labels)
    scores = 1 / (1 + np.exp(-np.clip((held - bias) / temperature, -30, 30)))
    known = 1 / (1 + np.exp(-np.clip((check - bias) / temperature, -30, 30)))
    ranking = auroc(scores, held_labels)
    threshold = max(threshold_for(scores, held_labels), threshold_for(known, check_labels), 0.5)
    recall = float((scores[held_labels == 1] >= threshold_for(scores, held_labels)).mean())
    by_source = {}
    names = np.array(sources)
    for source in sorted(set(sources)):
        mine = names == source
        by_source[source] = (
            int((held_labels[mine] == 0).sum()),
            int((held_labels[mine] == 1).sum()),
            auroc(scores[mine], held_labels[mine]),
        )
    return Result(
        temperature,
        bias,
        min(threshold, 0.9999),
        auroc(known, check_labels),
        ranking,
        average_precision(scores, held_labels),
        recall,
        calibration_error(scores, held_labels),
        by_source,
    )


def line(result: Result) -> str:
    """For the log."""
    return (
        f"held-out AUROC {result.held_auroc:.3f} AP {result.held_precision:.3f} recall@1%"
        f" {result.held_recall:.3f} ECE {result.held_ece:.3f}; in-domain AUROC"
        f" {result.check_auroc:.3f}; threshold {result.threshold:.3f}; {result.by_source}"
    )
