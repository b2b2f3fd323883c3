"""ConjNLI: sentences with conjunctions (arXiv 2010.10418). Neutral and contradicted both fail."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.csv(path, "\t"):
            if row["Label"] in ("entailment", "contradiction", "neutral"):
                label = float(row["Label"] != "entailment")
                yield claim("hallucination", row["Premise"], row["Hypothesis"], label, row["Label"])
