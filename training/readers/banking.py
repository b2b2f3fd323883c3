"""PolyAI-LDN/task-specific-datasets: customers' short questions to a bank."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

TASKS = ("jailbreak", "prompt_injection", "toxicity")


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for at, row in enumerate(snapshot.csv(path)):
            yield Record(TASKS[at % 3], 0, "customer_benign", row["text"])
