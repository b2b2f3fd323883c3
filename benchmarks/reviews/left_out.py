"""Reviews on sources that nothing was fitted on, as somebody's traffic.

    python -m benchmarks.reviews.left_out --data DATA [--data …] [--limit 400] [--runs 500]
        [--draws 40] [NAME …]

DATA has evaluation/TASK/SOURCE.jsonl, labelled, as training.build makes them. What ships judges
them; a source of failures alone is put among one of healthy texts alone. ``--refit``: also the
sources of a combiner, each judged by weights that were fitted without it (training/combine.py),
from DATA/TASK. Two tables:

- whether the 95 % intervals hold, and how wide that of the fail rate is against the reviews alone:
  a population of 5,000 rows is drawn of a source's judged rows, one in ten of which fails, and
  reviewed as the page asks: half from rows that it fails, half from those that it passes;
- what reviews make of the threshold (classify/reviews/calibration.py) and of a head of one's own
  traffic (local_head.py), also where a classifier is not let learn one. Reviewed is one half of
  the source, told of the other; near-duplicates are in one half. Both are as they are, but that
  failures are left out until one row in ten fails, or 60 are left.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.reviews.coverage import estimated
from classify.custom.texts import shown
from classify.models.encoder import encoder
from classify.registry import BUILT_IN
from classify.reviews import local_head
from classify.reviews.calibration import Answered, propose
from classify.scoring.figures import auroc
from classify.scoring.record import Record
from classify.scoring.score import verdicts
from training import combine
from training.record import Record as Labelled
from training.signal_table import chosen
from training.signal_table import rows as signal_rows

Floats = NDArray[np.float64]
REVIEWS = (10, 20, 50, 100)
_ROWS, _FAILS = 5_000, 0.1
#: Rows of each kind below which a source is no traffic.
_FEWEST = 20
_FEWEST_BAD = 60
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
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--refit", type=Path, help="DATA of the sources that are fitted on")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    sources = {
        each.name: _sources(each.name, given.data, given.limit)
        for each in BUILT_IN
        if not given.names or each.name in given.names
    }
    if given.refit:
        for name, found in sources.items():
            found += _refitted(name, given.refit, given.limit)
    print("| classifier, source | reviews | fail rate | precision | recall | width / alone |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, found in sources.items():
        for source in found:
            for n in REVIEWS if given.runs else ():
                print(_coverage(f"{name}, {source.name}", source, n, given.runs), flush=True)
    if not given.draws:
        return
    print(
        "\n| classifier, source | reviews | moved | precision, recall as shipped | after |"
        " head joins | relabels | precision, recall with it | AUROC as shipped | with it |"
        "\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name, found in sources.items():
        for source in found:
            if not source.texts:
                continue
            vectors = encoder().vectors([shown(each) for each in source.texts])
            for n in (20, 50, 100, 200):
                line = _learned(
                    f"{name}, {source.name}", source, vectors.astype(float), n, given.draws
                )
                print(line, flush=True)


def _sources(name: str, folders: Sequence[Path], limit: int) -> list[Source]:
    classifier = next(each for each in BUILT_IN if each.name == name)
    task = _TASKS.get(name, name)
    paths = {p.stem: p for f in folders for p in (f / "evaluation" / task).glob("*.jsonl")}
    known = {
        stem: [each for each in chosen(path, limit) if each.label in (0.0, 1.0)]
        for stem, path in sorted(paths.items())
    }
    kinds = {stem: {each.label for each in some} for stem, some in known.items()}
    healthy = [stem for stem in known if kinds[stem] == {0.0}]
    for stem in [stem for stem in known if kinds[stem] == {1.0}]:
        known |= {f"{stem} among {other}": [*known[stem], *known[other]] for other in healthy}
    found = []
    for stem, records in known.items():
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
                stem,
                np.array([told[i].score for i in kept]),
                fails,
                np.array([told[i].label == "fail" for i in kept]),
                [_text(records[i]) for i in kept],
                [records[i].group or records[i].id for i in kept],
                classifier.threshold,
            )
        )
    return found


def _refitted(name: str, data: Path, limit: int) -> list[Source]:
    """The sources that a combiner is fitted on, each by weights of the others alone; without texts,
    as the second table is of what ships."""
    recipe = yaml.safe_load((Path(combine.__file__).parent / "combiners.yaml").read_text())
    if name not in recipe or "folds" in recipe[name]:
        # Where n-grams count, they were fitted on these too.
        return []
    classifier = next(each for each in BUILT_IN if each.name == name)
    paths = [data / name / f"{source}.jsonl" for source in recipe[name]["sources"]]
    by_source = {
        path.stem: signal_rows(classifier, chosen(path, limit)) for path in paths if path.exists()
    }
    done = combine.combine(classifier, by_source, {}, recipe[name]) if by_source else None
    found = []
    for stem, (scores, fails) in (done.left_out if done else {}).items():
        assert done is not None
        told = np.isfinite(scores)
        able = np.array([row.can_fail for row in by_source[stem]])
        called = (scores >= done.combiner.threshold) & able
        ids = [row.group or row.id for row in by_source[stem]]
        kept = [group for group, keep in zip(ids, told, strict=True) if keep]
        found.append(
            Source(
                f"{stem}, refitted without it", scores[told], fails[told], called[told], [], kept,
                done.combiner.threshold,
            )
        )  # fmt: skip
    return found


def _scored(one: Labelled) -> Record:
    fields = ("input", "output", "context", "steps")
    return Record.model_validate({name: getattr(one, name) for name in fields})


def _text(one: Labelled) -> str:
    said = one.input if isinstance(one.input, str) else str(one.input[-1].get("content", ""))
    return (one.output or said)[:1000]


def _population(source: Source, random: np.random.Generator) -> NDArray[np.intp]:
    """Rows with repeats, one in ten of which fails."""
    bad, good = (np.flatnonzero(source.fails == each) for each in (1, 0))
    failing = int(_ROWS * _FAILS)
    rows = np.concatenate([random.choice(bad, failing), random.choice(good, _ROWS - failing)])
    return random.permutation(rows)


def _traffic(
    source: Source, random: np.random.Generator, there: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Rows without repeats: what is reviewed has to be as what it stands for."""
    bad, good = (
        random.permutation(np.flatnonzero((source.fails == each) & there)) for each in (1, 0)
    )
    most = max(round(len(good) * _FAILS / (1 - _FAILS)), _FEWEST_BAD)
    return random.permutation(np.concatenate([bad[:most], good]))


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


def _learned(title: str, source: Source, vectors: Floats, n: int, draws: int) -> str:
    """Means over draws of the reviews; figures on the half that was not reviewed."""
    shipped, moved, joined, orders = [], [], [], []
    counts = np.zeros(3, int)
    for run in range(draws):
        random = np.random.default_rng([run, n, 7])
        groups = random.permutation(sorted(set(source.groups)))
        first = set(groups[: len(groups) // 2])
        half = np.array([group in first for group in source.groups])
        rows, rest = (_traffic(source, random, side) for side in (half, ~half))
        if len(rows) < n or min(len(np.unique(source.fails[some])) for some in (rows, rest)) < 2:
            continue
        reviewed, drawn = _asked(source, rows, n, random)
        answered = _answers(source, rows, reviewed, drawn)
        found = propose(answered, source.threshold)
        threshold = found.threshold or source.threshold
        head = local_head.look(answered, vectors[reviewed], source.threshold).head
        scores, fails, called = source.scores[rest], source.fails[rest], source.called[rest]
        with_it = head.scores(scores, vectors[rest]) if head else scores
        counts += [
            found.threshold is not None,
            head is not None,
            head is not None and head.relabels,
        ]
        # What a rule decides stays as it is, whatever the threshold.
        shipped.append(_precision_recall(called, fails))
        moved.append(_precision_recall(scores >= threshold, fails))
        relabelled = with_it >= source.threshold if head and head.relabels else called
        joined.append(_precision_recall(relabelled, fails))
        orders.append((auroc(scores, fails), auroc(with_it, fails)))
    if not shipped:
        return f"| {title} | {n} | too few rows | | | | | | | |"
    one, two, three = (
        " / ".join(f"{each:.2f}" for each in np.nanmean(pairs, axis=0))
        for pairs in (shipped, moved, joined)
    )
    before, after = np.array(orders).T
    difference = after - before
    half_width = 1.96 * difference.std() / len(difference) ** 0.5
    return (
        f"| {title} | {n} | {counts[0]} of {len(shipped)} | {one} | {two} | {counts[1]} |"
        f" {counts[2]} | {three} | {before.mean():.3f} |"
        f" {after.mean():.3f} ({difference.mean():+.3f} ± {half_width:.3f},"
        f" worst {difference.min():+.3f}) |"
    )


def _answers(
    source: Source, rows: NDArray[np.intp], reviewed: NDArray[np.intp], drawn: Sequence[bool]
) -> Answered:
    """As classify/reviews/calibrating.py makes them: an answer that was drawn at random stands for
    its share of the rows of that verdict."""
    random = [bool(source.called[i]) for i, d in zip(reviewed, drawn, strict=True) if d]
    weights = {
        label: float((source.called[rows] == label).sum()) / max(1, random.count(label))
        for label in (True, False)
    }
    return Answered(
        list(map(float, source.scores[reviewed])),
        [bool(each) for each in source.fails[reviewed]],
        [
            weights[bool(source.called[i])] if d else 0.0
            for i, d in zip(reviewed, drawn, strict=True)
        ],
    )


def _asked(
    source: Source, rows: NDArray[np.intp], n: int, random: np.random.Generator
) -> tuple[NDArray[np.intp], list[bool]]:
    """Of these rows half at random (as many that fail as that pass), half
    nearest to the threshold; and whether at random."""
    sides = [
        random.permutation(rows[source.called[rows] == label])[: n // 4] for label in (True, False)
    ]
    drawn = np.concatenate(sides)
    left = rows[~np.isin(rows, drawn)]
    near = left[np.argsort(np.abs(source.scores[left] - source.threshold), kind="stable")]
    near = near[: n - len(drawn)]
    return np.concatenate([drawn, near]), [True] * len(drawn) + [False] * len(near)


def _precision_recall(called: NDArray[np.bool_], fails: Floats) -> tuple[float, float]:
    precision = float(fails[called].mean()) if called.any() else float("nan")
    return precision, float(fails[called].sum() / max(1.0, fails.sum()))


if __name__ == "__main__":
    main()
