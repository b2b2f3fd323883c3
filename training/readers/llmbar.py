"""LLMBar: an instruction, an output that follows it and one that does not, by people."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.glob("Dataset/LLMBar/*/dataset.json", "Dataset/CaseStudy/*/dataset.json"):
        folder = path.removeprefix("Dataset/").removesuffix("/dataset.json").lower()
        for row in snapshot.json(path):
            for number in (1, 2):
                yield Record(
                    "instruction_following",
                    float(int(row["label"]) != number),
                    folder,
                    input=row["input"],
                    output=row[f"output_{number}"],
                )
