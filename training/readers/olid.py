"""idontflow/OLID: tweets of OffensEval 2019. No licence stated: read for evaluation only."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("olid-training-v1.0.tsv", delimiter="\t"):
        if row["subtask_a"] == "NOT" or row["subtask_b"] == "TIN":
            label = 1 if row["subtask_b"] == "TIN" else 0
            kind = "insult_targeted" if label else "tweet_benign"
            yield Record("toxicity", label, kind, row["tweet"])
