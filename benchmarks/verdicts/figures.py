"""AUROC and recall at 1 % false alarms of columns of scores on the same rows, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classify.scoring.figures import auroc, recall_at

Floats = NDArray[np.float64]
DRAWS = 200


@dataclass(frozen=True)
class Cell:
    """One column on one source. ``draws``: AUROC of each bootstrap draw; the draws of a source are
    the same rows for every column, so that they can be compared one by one."""

    auroc: float
    recall: float
    draws: Floats

    @property
    def half(self) -> float:
        """Half of the 95 % interval."""
        low, high = interval(self.draws)
        return (high - low) / 2


def cells(
    columns: Mapping[str, Floats], labels: Floats, others: Mapping[str, Floats]
) -> dict[str, Cell] | None:
    """None where there is nothing to tell apart. ``others``: each column's scores of the healthy
    rows of other sources, which stand in where the source has none of its own. NaN counts as the
    least suspicious of all."""
    failing = labels == 1
    borrowed = not (~failing).any()
    if not failing.any() or (borrowed and not all(len(others[name]) for name in columns)):
        return None
    found: dict[str, Cell] = {}
    for name, scores in columns.items():
        mine = np.concatenate([scores, others[name]]) if borrowed else scores
        truth = np.concatenate([labels, np.zeros(len(mine) - len(labels))])
        mine = np.where(np.isnan(mine), np.nanmin(mine, initial=0.0) - 1e-6, mine)
        chance = np.random.default_rng(20261129)
        each = []
        for _ in range(DRAWS):
            at = chance.integers(0, len(truth), len(truth))
            both = 0 < truth[at].sum() < len(at)
            each.append(auroc(mine[at], truth[at]) if both else np.nan)
        found[name] = Cell(auroc(mine, truth), recall_at(mine, truth), np.array(each))
    return found


def interval(draws: Floats) -> tuple[float, float]:
    """95 %."""
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


@dataclass(frozen=True)
class Mean:
    """Over sources, each counting alike."""

    auroc: float
    low: float
    high: float
    recall: float


def mean(found: Sequence[Cell]) -> Mean:
    """Of one column; the interval is of drawing rows, not of drawing sources."""
    low, high = interval(np.mean([cell.draws for cell in found], axis=0))
    return Mean(
        float(np.mean([cell.auroc for cell in found])),
        low,
        high,
        float(np.nanmean([cell.recall for cell in found])),
    )


def below(mine: Cell, plain: Cell) -> bool:
    """Whether the plain one is better by more than chance (paired draws, 95 %)."""
    return plain.auroc > mine.auroc and interval(plain.draws - mine.draws)[0] > 0
