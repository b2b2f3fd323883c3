"""Factcheck-GPT: claims out of answers of language models against what a search found
(arXiv 2311.09000)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim, evidence
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.jsonl(path):
            stance = row["stance"].replace(" ", "_")
            label = float("support" not in stance)
            if "partial" not in stance:
                shown = evidence(row["evidence"], row["claim"])
                yield claim("hallucination", shown, row["claim"], label, stance)
