"""WiCE: sentences of Wikipedia against the pages they cite (arXiv 2303.01432)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim, evidence
from training.record import UNDECIDED, Record

LABELS = {"supported": 0.0, "partially_supported": UNDECIDED, "not_supported": 1.0}


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.jsonl(path):
            label = LABELS[row["label"]]
            held = row["supporting_sentences"][0] if row["supporting_sentences"] else []
            page = [s for s in row["evidence"] if not s.startswith("(meta data)")]
            shown = " ".join(row["evidence"][i] for i in held) if label == 0 and held else ""
            if len(shown) > 780:
                continue
            # What supports a claim, among other sentences of its page.
            rest = evidence("\n".join(page), row["claim"], 780 - len(shown))
            yield claim("hallucination", f"{shown} {rest}", row["claim"], label, "wikipedia")
