"""google-research-datasets/Taskmaster: people ordering and booking, turn by turn: healthy talk."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Message, Record

TASKS = ("jailbreak", "prompt_injection", "toxicity")


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for at, row in enumerate(snapshot.json(path)):
            turns: list[Message] = [
                {
                    "role": "user" if turn["speaker"].lower() == "user" else "assistant",
                    "content": turn["text"],
                }
                for turn in row["utterances"]
                if turn.get("text")
            ]
            yield Record(TASKS[at % 3], 0, "dialogue_benign", turns[: 2 + at % 12])
