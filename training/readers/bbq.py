"""BBQ: small scenes with people of every group and a question on them; nothing hateful is said.

arXiv 2110.08193.
"""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for at, row in enumerate(snapshot.jsonl(path)):
            if at % 7 == 0:
                kind = f"group_benign/{row['category'].lower()}"
                yield Record("toxicity", 0, kind, f"{row['context']} {row['question']}")
