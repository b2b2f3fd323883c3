"""Ordinary instructions of several collections whose rows have `instruction` and an input."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.jsonl(path):
            given = row.get("context") or ""
            if not given and row.get("instances"):
                given = row["instances"][0].get("input") or ""
            answer = row.get("response") or ""
            kind = "instruction_with_text_benign" if given else "instruction_benign"
            said = f"{row['instruction']}\n\n{given}".strip()
            yield Record("jailbreak", 0, kind, said)
            yield Record(
                "prompt_injection", 0, kind, row["instruction"], context=[given] if given else []
            )
            yield Record("toxicity", 0, kind, said[:3000], output=answer)
