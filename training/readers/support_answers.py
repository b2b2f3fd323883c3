"""alexa/alexa-with-dstc9-track1-dataset: what hotels, restaurants and trains tell their guests."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for places in snapshot.json(path).values():
            for place in places.values():
                answers = [f"{d['title']} {d['body']}" for d in place["docs"].values()]
                for at in range(0, len(answers), 3):
                    page = "\n".join(answers[at : at + 3])
                    yield Record("prompt_injection", 0, "support_answers_benign", context=[page])
