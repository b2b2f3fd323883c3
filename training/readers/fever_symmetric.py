"""FeverSymmetric: claims and Wikipedia evidence, balanced so that a claim alone tells nothing."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim, detokenised
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.glob("symmetric_v0.*/*.jsonl"):
        for row in snapshot.jsonl(path):
            gold = str(row.get("gold_label") or row.get("label"))
            evidence = row.get("evidence") or row.get("evidence_sentence") or row.get("sentence1")
            said = row.get("claim") or row.get("sentence2")
            if not isinstance(evidence, str) or gold not in {"SUPPORTS", "REFUTES"}:
                continue
            yield claim(
                "hallucination",
                detokenised(evidence),
                detokenised(said),
                float(gold == "REFUTES"),
                f"fact_check/{gold.lower()}",
            )
