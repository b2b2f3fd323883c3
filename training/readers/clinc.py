"""clinc/oos-eval: requests to an assistant, 150 intents and some that fit none."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for rows in snapshot.json("data/data_full.json").values():
        for text, _ in rows:
            for task in ("jailbreak", "prompt_injection", "toxicity"):
                yield Record(task, 0, "request", text)
            yield Record("user_frustration", 0, "request", [{"role": "user", "content": str(text)}])
