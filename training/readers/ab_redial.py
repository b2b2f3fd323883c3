"""AB-ReDial: film recommendation dialogues that people rated for satisfaction (1 to 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import UNDECIDED, Message, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    ratings: dict[str, list[float]] = defaultdict(list)
    said: dict[str, list[Message]] = {}
    for row in snapshot.csv("Data/annotated_dialogues.csv"):
        if not row["dialogue-overall"]:
            continue
        ratings[row["ConvId"]].append(float(row["dialogue-overall"]))
        turns = [row.get(f"utterance{n}") or "" for n in range(22)]
        said[row["ConvId"]] = [
            {
                "role": "user" if turn.startswith("USER") else "assistant",
                "content": turn.partition("\t")[2],
            }
            for turn in turns
            if turn
        ]
    for name, marks in sorted(ratings.items()):
        mean = sum(marks) / len(marks)
        label = 1.0 if mean <= 2.5 else 0.0 if mean >= 4.0 else UNDECIDED
        kind = "rated/low" if label == 1.0 else "rated/high" if label == 0.0 else "rated/middle"
        yield Record("user_frustration", label, kind, input=said[name])
