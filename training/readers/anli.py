"""ANLI development pairs (annotated edition): adversarial entailment; non-commercial licence."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim
from training.record import Record

VERDICT = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def read(snapshot: Snapshot) -> Iterator[Record]:
    for number in (1, 2, 3):
        path = f"anlizinganli/anli_annot_v0.2/ANLI_analysis_r{number}_dev.csv"
        for row in snapshot.csv(path):
            gold = row["gold_label"]
            if gold in VERDICT:
                kind = f"entailment/{VERDICT[gold]}"
                yield claim(
                    "hallucination", row["context"], row["statement"], float(gold != "e"), kind
                )
