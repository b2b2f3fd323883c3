"""How far what production asks has moved away from a version of a data set.

Three questions, from what matters most:

* Is it covered? The share of inputs that are farther from every item than 95 % of the inputs were
  when the version was made. 5 % then, by construction.
* Is it the same mix? Population stability index of length, model, prompt version and topic, beside
  the value that chance alone would stay under (the index is (1/n + 1/m) χ² with bins - 1 degrees of
  freedom where nothing moved: Yurdakul 2018).
* Is it the same distribution at all? Maximum mean discrepancy of the vectors with a Gaussian kernel
  of median width, and its permutation test (Gretton et al. 2012, JMLR 13).

Production now is compared with production then, not with the items: those are failures, picked to
be unlike each other, and never were a fair draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from experiments.datasets.clusters import ONE_TOPIC, clusters
from experiments.datasets.measurement import Verdict

Floats = NDArray[np.float32]

#: With fewer inputs than this nobody can tell.
FEWEST = 50
#: Values of the index that the field calls a moderate and a large shift.
MODERATE, LARGE = 0.1, 0.25
#: Uncovered share, its lower bound, from which a version is stale; it was 0.05.
STALE = 0.10
PERMUTATIONS = 500
#: The encoder is quantised: the same text has a slightly other vector in another batch, and inputs
#: that come again and again lie exactly on the radius.
TOLERANCE = 0.02
SIGNIFICANT = 0.01
_Z = 1.96


@dataclass(slots=True, frozen=True)
class Inputs:
    """A draw of production's inputs; shapes (n, dimensions) and n."""

    vectors: Floats
    characters: Sequence[int]
    models: Sequence[str]
    prompt_versions: Sequence[str]

    def __len__(self) -> int:
        return len(self.characters)


def nearest(inputs: Floats, items: Floats) -> Floats:
    """Cosine distance of each input to the nearest item; shape (inputs,)."""
    found: Floats = 1.0 - (inputs @ items.T).max(axis=1)
    return found


def wilson_low(hits: int, of: int) -> float:
    """Lower end of the 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0
    share = hits / of
    centre = share + _Z**2 / (2 * of)
    spread = _Z * sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return max(0.0, (centre - spread) / (1 + _Z**2 / of))


def psi(then: Sequence[Hashable], now: Sequence[Hashable]) -> tuple[float, float]:
    """Population stability index over the values, and what chance stays under in 95 of 100 cases.

    Half an observation is added to each bin, so that an empty one counts and does not explode.
    """
    before, after = Counter(then), Counter(now)
    bins = before.keys() | after.keys()
    if len(bins) < 2:
        return 0.0, 0.0
    total = 0.0
    for value in bins:
        p = (before[value] + 0.5) / (len(then) + 0.5 * len(bins))
        q = (after[value] + 0.5) / (len(now) + 0.5 * len(bins))
        total += (q - p) * log(q / p)
    chance = float(chi2.ppf(0.95, len(bins) - 1)) * (1 / len(then) + 1 / len(now))
    return round(total, 4), round(chance, 4)


def by_length(
    then: Sequence[int], now: Sequence[int], bins: int = 8
) -> tuple[list[int], list[int]]:
    """Numbers as bins of equal share of ``then``."""
    edges = np.unique(np.quantile(then, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.digitize(then, edges).tolist(), np.digitize(now, edges).tolist()


def by_topic(then: Floats, now: Floats) -> tuple[list[int], list[int]]:
    """Vectors as topics of ``then``, small ones together (0); -1 for what is like none of them."""
    groups = np.array(clusters(then))
    large = [
        g for g in sorted(set(groups.tolist())) if (groups == g).sum() >= max(5, len(then) // 50)
    ]
    if not large:
        return [0] * len(then), [0] * len(now)
    centres = np.stack([then[groups == g].mean(axis=0) for g in large])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)

    def nearest(vectors: Floats) -> list[int]:
        close = vectors @ centres.T
        best = close.argmax(axis=1)
        far = close.max(axis=1) < 1 - ONE_TOPIC
        found: list[int] = np.where(far, -1, best).tolist()
        return found

    return nearest(then), nearest(now)


def mmd(then: Floats, now: Floats, seed: int = 0) -> tuple[float, float]:
    """Unbiased squared maximum mean discrepancy, and the share of PERMUTATIONS random splits with
    one at least as large."""
    x = np.concatenate([then, now]).astype(np.float64)
    n, m = len(then), len(now)
    squared = np.clip(2.0 - 2.0 * (x @ x.T), 0.0, None)
    width = float(np.median(squared[np.triu_indices(n + m, 1)])) or 1.0
    kernel = np.exp(-squared / width)
    np.fill_diagonal(kernel, 0.0)
    rng = np.random.default_rng(seed)
    splits = np.zeros((n + m, PERMUTATIONS + 1))
    splits[:n, 0] = 1.0
    for i in range(1, PERMUTATIONS + 1):
        splits[rng.permutation(n + m)[:n], i] = 1.0
    others = 1.0 - splits
    inner = kernel @ splits
    rest = kernel @ others
    within = (splits * inner).sum(axis=0) / (n * (n - 1))
    without = (others * rest).sum(axis=0) / (m * (m - 1))
    across = (splits * rest).sum(axis=0) / (n * m)
    values = within + without - 2 * across
    p = float((1 + (values[1:] >= values[0] - 1e-12).sum()) / (PERMUTATIONS + 1))
    return round(float(values[0]), 5), round(p, 4)


@dataclass(slots=True, frozen=True)
class Measured:
    """What ``measure`` finds; see Drift."""

    verdict: Verdict
    uncovered: float
    uncovered_low: float
    uncovered_then: float
    mmd: float
    mmd_p: float
    psi: dict[str, float]
    told: str


def measure(items: Floats, radius: float, then: Inputs, now: Inputs) -> Measured:
    """``items``: vectors of the version's; ``radius``: the version's."""
    if len(now) < FEWEST or len(then) < FEWEST:
        few, when = (len(now), "now") if len(now) < FEWEST else (len(then), "at the build")
        return Measured(
            "unknown", 0.0, 0.0, 0.0, 0.0, 1.0, {},
            f"too few inputs to tell: {few} {when}, {FEWEST} are needed; give an earlier --since",
        )  # fmt: skip
    far = nearest(now.vectors, items) > radius + TOLERANCE
    far_then = nearest(then.vectors, items) > radius + TOLERANCE
    share, low = float(far.mean()), wilson_low(int(far.sum()), len(now))
    tables: dict[str, tuple[Sequence[Hashable], Sequence[Hashable]]] = {
        "length": by_length(then.characters, now.characters),
        "model": (list(then.models), list(now.models)),
        "prompt_version": (list(then.prompt_versions), list(now.prompt_versions)),
        "topic": by_topic(then.vectors, now.vectors),
    }
    indices = {name: psi(before, after) for name, (before, after) in tables.items()}
    moved = [name for name, (value, chance) in indices.items() if value >= max(MODERATE, chance)]
    discrepancy, p = mmd(then.vectors, now.vectors)
    verdict: Verdict = "fresh"
    if low >= STALE:
        verdict = "stale"
    elif moved or p < SIGNIFICANT:
        verdict = "shifting"
    return Measured(
        verdict,
        round(share, 4),
        round(low, 4),
        round(float(far_then.mean()), 4),
        discrepancy,
        p,
        {name: value for name, (value, _) in indices.items()},
        _told(verdict, share, float(far_then.mean()), indices, moved, p, len(now)),
    )


def _told(
    verdict: Verdict,
    share: float,
    then: float,
    indices: dict[str, tuple[float, float]],
    moved: list[str],
    p: float,
    inputs: int,
) -> str:
    told = [f"{share:.0%} of {inputs} inputs are unlike every item ({then:.0%} when it was made)"]
    for name in moved:
        value, _ = indices[name]
        size = "strongly" if value >= LARGE else "somewhat"
        told.append(f"the mix by {name.replace('_', ' ')} has moved {size} (PSI {value:.2f})")
    if p < SIGNIFICANT:
        told.append(f"the questions as a whole are others than then (MMD test, p = {p:.3f})")
    elif not moved:
        told.append("the mix and the questions are those of then")
    told.append(
        {
            "fresh": "nothing to do",
            "shifting": "still covered; refresh it when it suits you",
            "stale": "it no longer tests what is asked: run `everyspan dataset refresh`",
        }[verdict]
    )
    return "; ".join(told)
