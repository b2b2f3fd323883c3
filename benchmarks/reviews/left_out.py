"""Reviews on sources that nothing was fitted on, as somebody's traffic.

    python -m benchmarks.reviews.left_out --data DATA [--data …] [--limit 400] [--runs 500]

DATA has evaluation/TASK/SOURCE.jsonl, labelled, as training.build makes them. What ships judges
them; a population of 5,000 rows is drawn of a source's judged rows, one in ten of which fails, and
reviewed as the page asks: half from rows that it fails, half from those that it passes. Two tables:

- whether the 95 % intervals hold, and how wide that of the fail rate is against the reviews alone;
- what reviews make of the threshold (classify/reviews/calibration.py), and whether a local head on
  vectors of the encoder and the shipped score would be better than that score. Reviewed is one
  half of the source, told of the other; near-duplicates are in one half.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reviews.coverage import estimated
from classify.models.encoder import encoder
from classify.registry import BUILT_IN
from classify.reviews.calibration import Answered, propose
from classify.scoring.figures import auroc
from classify.scoring.record import Record
from classify.scoring.score import verdicts
from training.record import Record as Labelled
from training.signal_table import chosen

Floats = NDArray[np.float64]
REVIEWS = (10, 20, 50, 100)
_ROWS, _FAILS = 5_000, 0.1
#: Rows of each kind below which a source is no traffic.
_FEWEST = 20
_TASKS = {"tool_call_error": "tool_result"}


@dataclass
class Source:
    """Judged rows of one source. ``groups``: of near-duplicates."""

    name: str
    scores: Floats
    fails: Floats
    called: NDArray[np.bool_]
    texts: list[str]
    groups: list[str]
    threshold: float


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--limit", type=int, default=400, help="records of a source and label")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    sources = {
        each.name: _sources(each.name, given.data, given.limit)
        for each in BUILT_IN
        if not given.names or each.name in given.names
    }
    print("| classifier, source | reviews | fail rate | precision | recall | width / alone |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, found in sources.items():
        for source in found:
            for n in REVIEWS if given.runs else ():
                print(_coverage(f"{name}, {source.name}", source, n, given.runs), flush=True)
    print("\n| classifier, source | reviews | moved | precision, recall as shipped | after |"
          " AUROC as shipped | local head |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, found in sources.items():
        for source in found:
            vectors = encoder().vectors(source.texts).astype(np.float64)
            for n in REVIEWS[1:]:
                print(_learned(f"{name}, {source.name}", source, vectors, n), flush=True)


def _sources(name: str, folders: Sequence[Path], limit: int) -> list[Source]:
    classifier = next(each for each in BUILT_IN if each.name == name)
    task = _TASKS.get(name, name)
    found = []
    for path in sorted(
        {p.stem: p for f in folders for p in (f / "evaluation" / task).glob("*.jsonl")}.values()
    ):
        records = [each for each in chosen(path, limit) if each.label in (0.0, 1.0)]
        labels = np.array([float(each.label) for each in records])
        if min((labels == 0).sum(), (labels == 1).sum()) < _FEWEST:
            continue
        told = verdicts(classifier, [_scored(each) for each in records])
        kept = [i for i, v in enumerate(told) if v.label in ("pass", "fail")]
        fails = labels[kept]
        if min((fails == 0).sum(), (fails == 1).sum()) < _FEWEST:
            continue
        found.append(
            Source(
                path.stem,
                np.array([told[i].score for i in kept]),
                fails,
                np.array([told[i].label == "fail" for i in kept]),
                [_text(records[i]) for i in kept],
                [records[i].group or records[i].id for i in kept],
                classifier.threshold,
            )
        )
    return found


def _scored(one: Labelled) -> Record:
    fields = ("input", "output", "context", "steps")
    return Record.model_validate({name: getattr(one, name) for name in fields})


def _text(one: Labelled) -> str:
    said = one.input if isinstance(one.input, str) else str(one.input[-1].get("content", ""))
    return (one.output or said)[:1000]


def _population(
    source: Source, random: np.random.Generator, among: NDArray[np.bool_] | None = None
) -> NDArray[np.intp]:
    """Rows with repeats, one in ten of which fails."""
    there = np.ones(len(source.fails), bool) if among is None else among
    bad, good = (np.flatnonzero((source.fails == each) & there) for each in (1, 0))
    failing = int(_ROWS * _FAILS)
    rows = np.concatenate([random.choice(bad, failing), random.choice(good, _ROWS - failing)])
    return random.permutation(rows)


def _coverage(title: str, source: Source, n: int, runs: int) -> str:
    covered, widths = np.zeros(3), np.zeros(2)
    counted = 0
    for run in range(runs):
        random = np.random.default_rng([run, n])
        rows = _population(source, random)
        scores, fails, called = source.scores[rows], source.fails[rows], source.called[rows]
        if not called.any() or called.all():
            continue
        counted += 1
        truth = (fails.mean(), fails[called].mean(), fails[called].sum() / fails.sum())
        state = random.bit_generator.state
        found = estimated(scores, fails, called, n, random, with_scores=True)
        random.bit_generator.state = state
        alone = estimated(scores, fails, called, n, random, with_scores=False)
        each = (found.fail_rate, found.precision, found.recall)
        covered += [e.low - 1e-9 <= t <= e.high + 1e-9 for e, t in zip(each, truth, strict=True)]
        widths += [e.fail_rate.high - e.fail_rate.low for e in (found, alone)]
    if not counted:
        return f"| {title} | {n} | it fails none | | | |"
    shares = " | ".join(f"{100 * c / counted:.1f} %" for c in covered)
    return f"| {title} | {n} | {shares} | {widths[0] / widths[1]:.2f} |"


def _learned(title: str, source: Source, vectors: Floats, n: int, runs: int = 40) -> str:
    """Means over draws of the reviews; figures on the half that was not reviewed."""
    before, after, moved, heads, plain = [], [], 0, [], []
    for run in range(runs):
        random = np.random.default_rng([run, n, 7])
        groups = random.permutation(sorted(set(source.groups)))
        first = set(groups[: len(groups) // 2])
        half = np.array([group in first for group in source.groups])
        kinds = [np.unique(source.fails[side]) for side in (half, ~half)]
        if min(map(len, kinds)) < 2 or half.sum() < n:
            continue
        rows, rest = (_population(source, random, side) for side in (half, ~half))
        reviewed, drawn = _asked(source, rows, n, random)
        shares = {label: float((source.called[rows] == label).sum()) for label in (True, False)}
        asked = {
            label: sum(
                bool(source.called[i]) == label for i, d in zip(reviewed, drawn, strict=True) if d
            )
            for label in (True, False)
        }
        answered = Answered(
            list(map(float, source.scores[reviewed])),
            [bool(each) for each in source.fails[reviewed]],
            [
                shares[bool(source.called[i])] / max(1, asked[bool(source.called[i])]) if d else 0.0
                for i, d in zip(reviewed, drawn, strict=True)
            ],
        )
        found = propose(answered, source.threshold)
        threshold = found.threshold or source.threshold
        moved += found.threshold is not None
        # What a rule decides stays as it is, whatever the threshold.
        before.append(_precision_recall(source.called[rest], source.fails[rest]))
        after.append(_precision_recall(source.scores[rest] >= threshold, source.fails[rest]))
        plain.append(auroc(source.scores[rest], source.fails[rest]))
        heads.append(auroc(_head(source, vectors, reviewed, rest), source.fails[rest]))
    if not plain:
        return f"| {title} | {n} | too few rows | | | | |"
    told = [
        " / ".join(f"{each:.2f}" for each in np.nanmean(pairs, axis=0)) for pairs in (before, after)
    ]
    difference = np.array(heads) - np.array(plain)
    half = 1.96 * difference.std() / len(difference) ** 0.5
    return (
        f"| {title} | {n} | {moved} of {len(plain)} | {told[0]} | {told[1]} |"
        f" {np.mean(plain):.3f} |"
        f" {np.mean(heads):.3f} ({difference.mean():+.3f} ± {half:.3f}) |"
    )


def _asked(
    source: Source, rows: NDArray[np.intp], n: int, random: np.random.Generator
) -> tuple[NDArray[np.intp], list[bool]]:
    """Rows of the source, without repeats: half at random (as many that fail as that pass), half
    nearest to the threshold; and whether at random."""
    seen = np.unique(rows)
    sides = [
        random.permutation(seen[source.called[seen] == label])[: n // 4] for label in (True, False)
    ]
    drawn = np.concatenate(sides)
    left = seen[~np.isin(seen, drawn)]
    near = left[np.argsort(np.abs(source.scores[left] - source.threshold), kind="stable")]
    near = near[: n - len(drawn)]
    return np.concatenate([drawn, near]), [True] * len(drawn) + [False] * len(near)


def _precision_recall(called: NDArray[np.bool_], fails: Floats) -> tuple[float, float]:
    precision = float(fails[called].mean()) if called.any() else float("nan")
    return precision, float(fails[called].sum() / max(1.0, fails.sum()))


def _head(
    source: Source, vectors: Floats, reviewed: NDArray[np.intp], rest: NDArray[np.intp]
) -> Floats:
    """Kernel ridge on the vectors of what was reviewed, of what the shipped score leaves unsaid;
    the ridge by leave-one-out, where not to add anything is one of the choices."""
    own = np.log(np.clip(source.scores, 1e-4, 1 - 1e-4) / np.clip(1 - source.scores, 1e-4, 1))
    middle = vectors[reviewed].mean(axis=0)
    x, y = vectors[reviewed] - middle, source.fails[reviewed] - source.scores[reviewed]
    kernel = x @ x.T
    best, weights, least = 0.0, np.zeros(len(y)), float((y**2).mean())
    for ridge in (0.1, 0.3, 1.0, 3.0, 10.0):
        inverse = np.linalg.inv(kernel + ridge * np.eye(len(y)))
        left_out = inverse @ y / np.diag(inverse)
        if (loss := float((left_out**2).mean())) < least:
            best, weights, least = ridge, inverse @ y, loss
    del best
    # As a logit: a quarter of a probability is worth about one.
    return np.asarray(own[rest] + 4.0 * ((vectors[rest] - middle) @ x.T @ weights))


if __name__ == "__main__":
    main()
