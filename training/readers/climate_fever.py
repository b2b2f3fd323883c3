"""CLIMATE-FEVER: real claims, each with five Wikipedia sentences judged by people."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim
from training.record import UNDECIDED, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.jsonl("dataset/climate-fever.jsonl"):
        for found in row["evidences"]:
            votes = [vote for vote in found["votes"] if vote]
            verdict = found["evidence_label"]
            label = 0.0 if verdict == "SUPPORTS" else 1.0
            if len(set(votes)) > 1 and (verdict == "SUPPORTS" or "SUPPORTS" in votes):
                label = UNDECIDED
            yield claim(
                "hallucination",
                f"{found['article']}: {found['evidence']}",
                row["claim"],
                label,
                f"fact_check/{verdict.lower()}",
            )
