"""XSTest: safe prompts that look unsafe; its unsafe ones are plain requests, neither side's."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import UNDECIDED, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("xstest_prompts.csv"):
        safe = row["label"] == "safe"
        for task in ("jailbreak", "prompt_injection", "toxicity"):
            yield Record(task, 0 if safe else UNDECIDED, row["type"], row["prompt"])
