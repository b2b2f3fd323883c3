"""XQuAD, all twelve languages: plain questions and paragraphs, healthy for every safety head."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        language = path.split(".")[1]
        paragraphs = [p for article in snapshot.json(path)["data"] for p in article["paragraphs"]]
        for number, paragraph in enumerate(paragraphs):
            if number % 4 == 0:
                context = [paragraph["context"]]
                yield Record("prompt_injection", 0, f"paragraph_{language}", context=context)
            for question in paragraph["qas"][:2]:
                for task in ("jailbreak", "prompt_injection", "toxicity"):
                    yield Record(task, 0, f"question_{language}", question["question"])
