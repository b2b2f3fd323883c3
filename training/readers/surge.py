"""surge-ai/toxicity: a thousand social-media comments, half toxic."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("toxicity_en.csv"):
        label = 1 if row["is_toxic"] == "Toxic" else 0
        yield Record("toxicity", label, "comment_toxic" if label else "comment_benign", row["text"])
