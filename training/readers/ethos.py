"""intelligence-csd-auth-gr/Ethos-Hate-Speech-Dataset. GPL-3.0: read for evaluation only."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("ethos/ethos_data/Ethos_Dataset_Binary.csv", delimiter=";"):
        share = float(row["isHate"])
        if not 0.3 < share < 0.7:
            kind = "hate" if share > 0.5 else "comment_benign"
            yield Record("toxicity", round(share), kind, row["comment"])
