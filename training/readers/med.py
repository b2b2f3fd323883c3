"""MED: sentence pairs that test entailment under monotonicity (quantifiers, negation)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("MED.tsv", "\t"):
        gold = row["gold_label"]
        if gold in {"entailment", "neutral", "contradiction"}:
            yield claim(
                "hallucination",
                row["sentence1"],
                row["sentence2"],
                float(gold != "entailment"),
                f"entailment/{gold}",
            )
