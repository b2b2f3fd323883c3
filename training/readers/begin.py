"""BEGIN: dialogue responses judged by people against a knowledge snippet (arXiv 2105.00071)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import detokenised
from training.record import UNDECIDED, Record

LABELS = {"Fully attributable": 0.0, "Not fully attributable": 1.0, "Generic": UNDECIDED}
LICENCES = {
    "wow": "CC-BY-SA-3.0 (Wikipedia text)",
    "cmu": "CC-BY-SA-3.0 (Wikipedia text)",
    "tc": "CDLA-Sharing-1.0",
}


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.glob("wow/*.tsv", "topicalchat/*_dev_*.tsv", "cmu-dog/*_dev_*.tsv"):
        for row in snapshot.csv(path, "\t"):
            label = LABELS.get(row["begin_label"])
            if label is None:
                continue
            yield Record(
                "hallucination",
                label,
                f"dialogue/{row['data_source']}",
                input=detokenised(row["message"]),
                output=detokenised(row["response"]),
                context=[detokenised(row["knowledge"])],
                licence=LICENCES[row["data_source"]],
            )
