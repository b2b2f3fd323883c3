"""Entailment sets in one form: premise, hypothesis, label. What does not follow fails.

One set a file; those whose licence bars training (sick) are not read."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim, folded
from training.record import Record

LABELS = {"entailment": 0.0, "neutral": 1.0, "not_entailment": 1.0, "contradiction": 1.0}
#: Records of one set and label.
_MOST = 2600


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        name = path.split("/")[-2]
        if name == "qnli":
            continue
        seen = {0.0: 0, 1.0: 0}
        for row in snapshot.csv(path):
            label = LABELS.get(row["label"])
            if label is None or seen[label] >= _MOST or not row["hypothesis"]:
                continue
            seen[label] += 1
            kind = f"{name}/{row['label']}"
            yield claim("hallucination", row["premise"], folded(row["hypothesis"]), label, kind)
