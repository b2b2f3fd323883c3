"""What bounds a classifier of examples: too few answers, or what a text's vector holds?

    python -m benchmarks.fewshot.bound [--seeds 3]

On the four failures of four_modes.py: 14, 50, 150 and all 300 rows of the one set of templates
are answered at random, at least four of which fail; a logistic Gaussian process on what is known of
a text is held against the rows of the other templates. Known is its vector; or its words and pairs
of words, the numbers in it and its language; or both. The threshold is the best there is, which
nobody knows beforehand: what no method of these can do better.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.fewshot.four_modes import MODES, Mode, _traffic
from classify.models.encoder import encoder
from classify.reviews.local_head import logistic
from classify.signals.language import likely

Floats = NDArray[np.float64]
_ANSWERED = (14, 50, 150, 300)
_LEAST_FAILING = 4
#: Logits of prior and of kernels: one in ten fails.
_PRIOR = -2.2
_WIDTH = 16.0
_WORD = re.compile(r"\w+")


def main() -> None:
    """Prints a table: precision and recall, means over draws."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print("| | answered | vector | words, numbers, language | both |\n|---|---:|---:|---:|---:|")
    for mode in MODES:
        found = np.array([measured(mode, seed) for seed in range(given.seeds)]).mean(axis=0)
        for n, row in zip(_ANSWERED, found, strict=True):
            told = " | ".join(f"{p:.2f}, {r:.2f}" for p, r in row)
            print(f"| {mode.name} | {n} | {told} |", flush=True)


def measured(mode: Mode, seed: int) -> list[list[tuple[float, float]]]:
    """(precision, recall) by number of answers and by what is known."""
    random = Random(seed)
    taught, fails = _traffic(mode, slice(0, None, 2), random)
    told, truth = _traffic(mode, slice(1, None, 2), random)
    both = [*taught, *told]
    vectors = encoder().vectors(both).astype(np.float64)
    facts = _facts(both)
    kernels = [_kernel(vectors), _kernel(facts), _kernel(vectors) + _kernel(facts)]
    order = np.array(random.sample(range(len(taught)), len(taught)))
    bad = order[fails[order]][:_LEAST_FAILING]
    order = np.concatenate([bad, order[~np.isin(order, bad)]])
    unseen = np.arange(len(taught), len(both))
    return [
        [
            _best(_predicted(kernel, order[:n], fails[order[:n]], unseen), truth)
            for kernel in kernels
        ]
        for n in _ANSWERED
    ]


def _predicted(
    kernel: Floats, known: NDArray[np.intp], fails: NDArray[np.bool_], unseen: NDArray[np.intp]
) -> Floats:
    """Logits of rows from answers on others."""
    prior = np.full(len(known), _PRIOR)
    residual = logistic(prior, kernel[np.ix_(known, known)], fails.astype(float)).residual
    found: Floats = _PRIOR + kernel[np.ix_(unseen, known)] @ residual
    return found


def _kernel(features: Floats) -> Floats:
    """Of rows of equal length, on the whole."""
    centred = features - features.mean(axis=0)
    found: Floats = _WIDTH * centred @ centred.T / (centred**2).sum(axis=1).mean()
    return found


def _facts(texts: Sequence[str]) -> Floats:
    """Words and pairs of words of a text (the rarer the heavier), its greatest number, language."""
    columns: dict[str, int] = {}
    rows = []
    for text in texts:
        words = sorted(set(_WORD.findall(text.lower())))
        names = [*words, *(f"{a} {b}" for i, a in enumerate(words) for b in words[i + 1 :])]
        rows.append([columns.setdefault(name, len(columns)) for name in names])
    table = np.zeros((len(texts), len(columns)))
    for i, each in enumerate(rows):
        table[i, each] = 1.0
    table *= np.log(len(texts) / table.sum(axis=0))
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    numbers = np.array([max(map(int, re.findall(r"\d{1,9}", text)), default=0) for text in texts])
    english = np.array([float(likely(text) != "English") for text in texts])
    grown = np.log1p(numbers)
    grown = (grown - grown.mean()) / max(1e-9, grown.std())
    return np.column_stack([table, 0.7 * grown, 2.0 * english])


def _best(logits: Floats, fails: NDArray[np.bool_]) -> tuple[float, float]:
    """Precision and recall where the harmonic mean of the two is best."""
    order = np.argsort(-logits, kind="stable")
    right = np.cumsum(fails[order])
    precision, recall = right / np.arange(1, len(order) + 1), right / max(1, int(fails.sum()))
    at = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9)))
    return float(precision[at]), float(recall[at])


if __name__ == "__main__":
    main()
