"""SummEdits: summaries as written and with one edited fact, checked by people (arXiv 2305.14540)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import changed_sentence, claim, evidence
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        kind = "summary/" + path.rsplit("_", 1)[-1].removesuffix(".json")
        rows = [row for row in snapshot.json(path) if row["summary"]]
        originals = {row["doc"]: row["original_summary"] for row in rows}
        for row in rows:
            label = 0.0 if row["label"] == 1 else 1.0
            said = changed_sentence(row["summary"], originals[row["doc"]])
            yield claim("hallucination", evidence(row["doc"], said), said, label, kind)
