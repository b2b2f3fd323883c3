"""ipavlopoulos/toxic_spans: SemEval-2021 comments with toxic words marked.

Only comments with marked words are read: the others were toxic too, for no word.
"""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.csv(path):
            if len(row["spans"]) > 2:
                yield Record("toxicity", 1, "comment_toxic", row["text"])
