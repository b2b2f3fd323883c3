"""Four examples of one intent against all others: our heads, two plain ones and SetFit.

    python benchmarks/fewshot/run.py --clinc data_full.json --banking banking_data --setfit-runs 4

``--clinc``: data/data_full.json of clinc/oos-eval. ``--banking``: banking_data/ of
PolyAI-LDN/task-specific-datasets. Each intent of --intents, each of --seeds draws: 4 training texts
of it are the positives, 2,000 other training texts without labels the background (the intent is
among them as often as it is in the data), the test texts are judged. No method gets a negative;
where one needs them, the background stands for them. SetFit, where it is installed, is trained on
the first --setfit-runs of the same draws: its figures stand beside ours of those draws.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray

from classify.custom.blend import Rows, blend
from classify.custom.fewshot import Floats, learn
from classify.models.encoder import encoder
from classify.scoring.figures import auroc, average_precision, figures

_BACKGROUND, _POSITIVES = 2000, 4
_NONE = np.zeros((0, 384), np.float32)

Method = Callable[["Draw"], tuple[NDArray[Any], float]]
"""Scores of the test texts, and the threshold that the method itself sets."""


@dataclass(frozen=True)
class Split:
    texts: list[str]
    intents: NDArray[Any]
    vectors: Floats


@dataclass(frozen=True)
class Draw:
    train: Split
    test: Split
    intent: str
    positives: NDArray[Any]
    background: NDArray[Any]


def main() -> None:
    options = _options()
    for name, sets in (
        ("CLINC150", _clinc(options.clinc)),
        ("Banking77", _banking(options.banking)),
    ):
        if not sets:
            continue
        train, test = (_split(rows) for rows in sets)
        draws = list(_draws(train, test, options.intents, options.seeds))
        print(f"\n{name}: {len(draws)} draws, {len(test.texts)} test texts", flush=True)
        methods: dict[str, Method] = {
            "Everyspan": _ours,
            "vectors alone": _vectors_alone,
            "centroid": _centroid,
        }
        if regression := _regression():
            methods["logistic regression"] = regression
        for label, method in methods.items():
            _report(label, [_measured(method, draw) for draw in draws])
        setfit = _setfit(options.model) if options.setfit_runs else None
        if setfit:
            few = draws[:: max(1, len(draws) // options.setfit_runs)][: options.setfit_runs]
            print(f"  on {len(few)} of the draws:", flush=True)
            mine = [_measured(_ours, draw) for draw in few]
            theirs = [_measured(setfit, draw) for draw in few]
            _report("Everyspan", mine)
            _report("SetFit", theirs)
            ratio = np.mean([row[3] for row in theirs]) / np.mean([row[3] for row in mine])
            print(f"  SetFit takes {ratio:.0f} times as long to create", flush=True)


def _ours(draw: Draw) -> tuple[NDArray[Any], float]:
    # What a user waits for: the examples are read by the encoder, the background's vectors are
    # stored already.
    texts = [draw.train.texts[i] for i in draw.positives]
    head = blend(
        Rows(encoder().vectors(texts), texts),
        Rows(_NONE, []),
        Rows(draw.train.vectors[draw.background], [draw.train.texts[i] for i in draw.background]),
    )
    _created()
    return head.score(draw.test.vectors, draw.test.texts), head.threshold


def _vectors_alone(draw: Draw) -> tuple[NDArray[Any], float]:
    # What is learned where there is little traffic.
    positives = encoder().vectors([draw.train.texts[i] for i in draw.positives])
    head = learn(positives, _NONE, draw.train.vectors[draw.background])
    _created()
    return head.score(draw.test.vectors), head.threshold


def _centroid(draw: Draw) -> tuple[NDArray[Any], float]:
    mean = draw.train.vectors[draw.positives].mean(axis=0)
    _created()
    # It sets no threshold of its own: the score that one in a hundred of the background is over.
    return draw.test.vectors @ mean, float(
        np.quantile(draw.train.vectors[draw.background] @ mean, 0.99)
    )


def _regression() -> Method | None:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        print("scikit-learn is not installed: no logistic regression")
        return None

    def method(draw: Draw) -> tuple[NDArray[Any], float]:
        rows = np.concatenate(
            [draw.train.vectors[draw.positives], draw.train.vectors[draw.background]]
        )
        labels = np.arange(len(rows)) < len(draw.positives)
        model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
        model.fit(rows, labels)
        _created()
        return model.predict_proba(draw.test.vectors)[:, 1], 0.5

    return method


def _setfit(folder: str) -> Method | None:
    try:
        import torch
        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments
    except ImportError as error:
        print(f"SetFit is left out: {error}")
        return None

    def method(draw: Draw) -> tuple[NDArray[Any], float]:
        torch.manual_seed(0)
        others = draw.background[:32]
        texts = [draw.train.texts[i] for i in (*draw.positives, *others)]
        labels = [1] * len(draw.positives) + [0] * len(others)
        model = SetFitModel.from_pretrained(folder, local_files_only=True)
        arguments = TrainingArguments(
            batch_size=16, num_epochs=1, num_iterations=20, seed=0, report_to="none"
        )
        data = Dataset.from_dict({"text": texts, "label": labels})
        Trainer(model=model, args=arguments, train_dataset=data).train()
        _created()
        found = model.predict_proba(draw.test.texts, batch_size=64, as_numpy=True)
        return np.asarray(found)[:, 1], 0.5

    return method


_clock = {"created": 0.0}


def _created() -> None:
    _clock["created"] = time.perf_counter()


def _measured(method: Method, draw: Draw) -> tuple[float, float, float, float]:
    """AUROC, average precision, F1 at the method's threshold, seconds to create."""
    encoder()._vectors.clear()
    began = time.perf_counter()
    scores, threshold = method(draw)
    labels = (draw.test.intents == draw.intent).astype(float)
    scores = np.asarray(scores, np.float64)
    f1 = figures(scores, labels, threshold)["f1"]
    return (
        auroc(scores, labels),
        average_precision(scores, labels),
        f1,
        _clock["created"] - began,
    )


def _report(label: str, rows: list[tuple[float, float, float, float]]) -> None:
    a, p, f, seconds = np.mean(rows, axis=0)
    print(
        f"  {label:20} AUROC {a:.4f}  AP {p:.3f}  F1 {f:.3f}  created in {seconds:.3f} s",
        flush=True,
    )


def _draws(train: Split, test: Split, intents: int, seeds: int) -> Iterator[Draw]:
    named = sorted(set(train.intents))
    chosen = sorted(np.random.default_rng(0).choice(named, min(intents, len(named)), replace=False))
    for seed in range(seeds):
        for intent in chosen:
            rng = np.random.default_rng([seed, named.index(intent)])
            positives = rng.choice(
                np.flatnonzero(train.intents == intent), _POSITIVES, replace=False
            )
            rest = np.setdiff1d(np.arange(len(train.texts)), positives)
            yield Draw(train, test, intent, positives, rng.choice(rest, _BACKGROUND, replace=False))


def _split(rows: list[tuple[str, str]]) -> Split:
    texts = [text for text, _ in rows]
    vectors = np.concatenate(
        [encoder().vectors(texts[i : i + 1024]) for i in range(0, len(texts), 1024)]
    )
    return Split(texts, np.array([intent for _, intent in rows]), vectors)


def _clinc(path: Path | None) -> tuple[list[Any], list[Any]] | None:
    if path is None:
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["train"], data["test"]


def _banking(folder: Path | None) -> tuple[list[Any], list[Any]] | None:
    if folder is None:
        return None
    train, test = (
        [(row["text"], row["category"]) for row in csv.DictReader(path.open(encoding="utf-8"))]
        for path in (folder / "train.csv", folder / "test.csv")
    )
    return train, test


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clinc", type=Path)
    parser.add_argument("--banking", type=Path)
    parser.add_argument("--intents", type=int, default=150, help="of all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--setfit-runs", type=int, default=0)
    parser.add_argument("--model", default="", help="folder of all-MiniLM-L6-v2, for SetFit")
    return parser.parse_args()


if __name__ == "__main__":
    main()
