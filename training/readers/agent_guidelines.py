"""asappresearch/abcd: what a shop's support agents are told to do, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for flow, entry in snapshot.json("data/guidelines.json").items():
        for name, subflow in entry["subflows"].items():
            steps = [" ".join([a["text"], *a["subtext"]]) for a in subflow["actions"]]
            for at in range(0, len(steps), 2):
                page = f"{flow}: {name}\n" + "\n".join(steps[at : at + 2])
                yield Record("prompt_injection", 0, "agent_guidelines_benign", context=[page])
