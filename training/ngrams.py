"""Fits a classifier's model of n-grams (classify/signals/ngrams.py).

python -m training.ngrams NAME --data DATA [--out FOLDER] [--all]

On the sources that its combiner is not fitted on (combiners.yaml), so that the combiner sees it as
it does on texts of sources that are new; ``--all``: on every source, for the model that ships once
the combiner is fitted. Sources and labels count alike. Prints AUROC on the other sources and on
those for evaluation alone. Needs scipy and scikit-learn.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from classify.models import checksums, files
from classify.models.form import cleaned
from classify.models.windows import sentences
from classify.scoring.figures import auroc, recall_at
from classify.signals.disguise import unmixed
from classify.signals.language import reads
from classify.signals.ngrams import BUCKETS, buckets, file_of
from training import record

_LIMIT = 1200
#: Sentences of a page that are learned one by one: what an attack in a page is read as.
_SENTENCES = 3
#: Text, label, source, group of near-duplicates (split.py).
Sample = tuple[str, float, str, str]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=files.ASSETS)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--strength", type=float, default=2.0, help="inverse of the ridge")
    given = parser.parse_args()
    recipe = yaml.safe_load((Path(__file__).parent / "combiners.yaml").read_text())[given.name]
    paths = sorted((given.data / given.name).glob("*.jsonl"))
    kept = [path for path in paths if path.stem not in recipe["sources"]]
    chosen = paths if given.all else kept
    train = [sample for path in chosen for sample in samples(path, given.name, parts=True)]
    weights, bias = fitted(train, given.strength)
    small, scale = in_bytes(weights)
    given.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        given.out / file_of(given.name), weights=small, scale_bias=np.array([scale, bias])
    )
    checksums.write(given.out)
    others = [path for path in paths if path not in chosen]
    others += sorted((given.data / "evaluation" / given.name).glob("*.jsonl"))
    report(given.name, others, small.astype(np.float64) * scale, bias)


def text_of(one: record.Record, name: str) -> str:
    """What the classifier looks at of a record."""
    if one.context and name == "prompt_injection":
        return "\n".join(one.context)
    said = one.input
    if not isinstance(said, str):
        said = "\n".join(record.content(m) for m in said if m.get("role") == "user")
    return f"{said}\n{one.output}".strip() if name == "toxicity" else said


def samples(path: Path, name: str, parts: bool) -> list[Sample]:
    """Of one source: at most ``_LIMIT`` of each label; of healthy pages some sentences too where
    ``parts``."""
    found: list[Sample] = []
    for label in (0.0, 1.0):
        mine = [r for r in record.read(path) if r.label == label]
        mine.sort(key=lambda r: r.id)
        rng = Random(path.stem)
        for one in mine[:_LIMIT]:
            text = unmixed(cleaned(text_of(one, name)))
            if not text.strip() or not reads(text):
                continue
            found.append((text, label, path.stem, one.group))
            if parts and label == 0.0 and len(text) > 400:
                some = [p.text for p in sentences(text) if p.text.count(" ") >= 4]
                found += [
                    (s, label, path.stem, one.group)
                    for s in rng.sample(some, min(_SENTENCES, len(some)))
                ]
    return found


def rows(texts: Sequence[str]) -> Any:
    """Sparse, shape (texts, 2 · BUCKETS), each of unit length."""
    from scipy.sparse import csr_matrix

    held = [buckets(text) for text in texts]
    sizes = np.array([max(1, len(each)) for each in held])
    values = np.repeat(1 / np.sqrt(sizes), [len(each) for each in held])
    ends = np.concatenate([[0], np.cumsum([len(each) for each in held])])
    return csr_matrix((values, np.concatenate(held), ends), shape=(len(texts), 2 * BUCKETS))


def in_bytes(weights: NDArray[np.float64]) -> tuple[NDArray[np.int8], float]:
    """The weights as they ship, and their scale."""
    scale = float(np.abs(weights).max() / 127)
    return np.clip(np.round(weights / scale), -127, 127).astype(np.int8), scale


def fitted(
    train: Sequence[Sample], strength: float = 2.0, table: Any = None
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of a logistic regression in which sources, and labels, count alike: a source
    by the root of its size. ``table``: what ``rows`` made of the texts, where that is known."""
    from sklearn.linear_model import LogisticRegression

    sides = [(source, label) for _, label, source, _ in train]
    sizes = Counter(sides)
    y = np.array([label for _, label in sides])
    w = np.array([sizes[side] ** -0.5 for side in sides])
    for label in (0.0, 1.0):
        w[y == label] *= len(y) / 2 / w[y == label].sum()
    model = LogisticRegression(C=strength, solver="lbfgs", max_iter=200)
    if table is None:
        table = rows([text for text, *_ in train])
    model.fit(table, y, sample_weight=w)
    return model.coef_[0], float(model.intercept_[0])


def report(name: str, paths: Sequence[Path], weights: NDArray[np.float64], bias: float) -> None:
    """AUROC and recall at 1 % false alarms: within each source, and against all healthy ones."""
    scores: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for path in paths:
        some = samples(path, name, parts=False)
        if some:
            found = rows([text for text, *_ in some]) @ weights + bias
            scores[path.stem] = (found, np.array([label for _, label, *_ in some]))
    healthy = np.concatenate([found[labels == 0] for found, labels in scores.values()])
    for source, (found, labels) in scores.items():
        mine, other = found[labels == 1], found[labels == 0]
        told = f"{source:50} {len(other):5d} {len(mine):5d}"
        for against in (other, healthy):
            if len(mine) and len(against):
                both = np.concatenate([against, mine])
                truth = np.concatenate([np.zeros(len(against)), np.ones(len(mine))])
                told += f"  {auroc(both, truth):.3f} {recall_at(both, truth):.3f}"
            else:
                told += "             "
        print(told)


if __name__ == "__main__":
    main()
