"""HealthVer: health claims against sentences of papers, judged by people."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in ("data/healthver_dev.csv", "data/healthver_test.csv"):
        for row in snapshot.csv(path):
            verdict = row["label"]
            label = 0.0 if verdict == "Supports" else 1.0
            yield claim(
                "hallucination", row["evidence"], row["claim"], label, f"health/{verdict.lower()}"
            )
