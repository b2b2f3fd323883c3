"""thu-coai/DiaSafety: chatbot answers; those that offend the user, and safe ones."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.json(path):
            if row["category"] == "Offending User":
                label = 1 if row["label"] == "Unsafe" else 0
                kind = "answer_offends" if label else "answer_benign"
                yield Record("toxicity", label, kind, output=row["response"])
