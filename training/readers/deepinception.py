"""DeepInception: harmful requests wrapped into scenes within scenes (arXiv 2311.03191)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.json(path):
            for name, said in row.items():
                if "inception" in name and isinstance(said, str) and len(said) > 60:
                    yield Record("jailbreak", 1, "nested_scenes", said)
