"""FollowBench's example constraints: few-shot prompts with the target in the asked form."""

from __future__ import annotations

from collections.abc import Iterator

from classify.training.mirror import Snapshot
from classify.training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    rows = [
        row
        for row in snapshot.json("data/example_constraints.json")
        if row.get("target") and len(row["instruction"]) < 2500
    ]
    for number, row in enumerate(rows):
        asked, target = row["instruction"], str(row["target"])
        yield Record("instruction_following", 0.0, "example/target", input=asked, output=target)
        other = str(rows[(number + 11) % len(rows)]["target"])
        if other != target:
            yield Record("instruction_following", 1.0, "example/other_task", input=asked,
                         output=other)
