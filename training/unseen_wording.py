"""The n-gram signals of a classifier's rows, by models that never saw the row's source.

For each fold of combiners.yaml (sources that are left out together) a model of n-grams is fitted on
all other sources of the task, but for what is nearly the same as a text of the fold, and read over
the fold's rows in place of the one that lies among the model's files. The combiner is then fitted
and measured on what it will see of texts that are new, and the model that ships may learn from all
sources (``python -m training.ngrams NAME --all``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from classify.scoring.record import Record as Scored
from classify.scoring.record import subjects_of
from classify.signals import ngrams as read_ngrams
from training import ngrams
from training.signal_table import Row, chosen

#: The signals that read the model of n-grams (classify/signals/wording.py).
SIGNALS = ("wording", "worst sentence")


def reread(
    classifier: Any, by_source: dict[str, list[Row]], data: Path, folds: Sequence[str], limit: int
) -> dict[str, list[Row]]:
    """The rows with SIGNALS as the fold's model reads them. ``folds``: sources with commas between;
    each source of ``by_source`` is in one. ``data``: the task's folder."""
    of = {source: fold.split(",") for fold in folds for source in fold.split(",")}
    missing = sorted(set(by_source) - set(of))
    if missing:
        raise SystemExit(f"combiners.yaml: {', '.join(missing)} of {classifier.name} in no fold")
    samples = [
        sample
        for path in sorted(data.glob("*.jsonl"))
        for sample in ngrams.samples(path, classifier.name, parts=True)
    ]
    sources = np.array([source for _, _, source, _ in samples])
    groups = np.array([group for *_, group in samples])
    table = ngrams.rows([text for text, *_ in samples])
    found: dict[str, list[Row]] = {}
    for fold in folds:
        mine = np.isin(sources, fold.split(","))
        kept = np.flatnonzero(~mine & ~np.isin(groups, groups[mine]))
        weights, bias = ngrams.fitted([samples[i] for i in kept], table=table[kept])
        small, scale = ngrams.in_bytes(weights)
        with read_ngrams.instead(classifier.name, small, scale, bias):
            for source in fold.split(","):
                if source in by_source:
                    path = data / f"{source}.jsonl"
                    found[source] = _read(classifier, by_source[source], path, limit)
    return {source: found[source] for source in by_source}


def _read(classifier: Any, rows: list[Row], path: Path, limit: int) -> list[Row]:
    signals = [signal for signal in classifier.signals if signal.name in SIGNALS]
    records = {one.id: one for one in chosen(path, limit)}
    found = []
    for row in rows:
        if row.decided is not None:
            found.append(row)
            continue
        subjects = subjects_of(Scored.model_validate(asdict(records[row.id])), classifier)
        items = [
            item
            for subject in subjects
            if classifier.decided(subject) is None
            for item in classifier.items(subject)
        ]
        told = [{signal.name: float(signal.read(item)) for signal in signals} for item in items]
        merged = [old | new for old, new in zip(row.items, told, strict=True)]
        found.append(replace(row, items=merged))
    return found
