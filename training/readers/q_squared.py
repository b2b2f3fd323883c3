"""Q²: Wizard-of-Wikipedia responses of two models, judged consistent or not by people."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import detokenised
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for model in ("dodeca", "memnet"):
        for verdict in ("consistent", "inconsistent"):
            for row in snapshot.csv(f"third_party/data/{model}_{verdict}.csv"):
                yield Record(
                    "hallucination",
                    float(verdict == "inconsistent"),
                    f"dialogue/{model}",
                    input=detokenised(row["message"]),
                    output=detokenised(row["response"]),
                    context=[detokenised(row["knowledge"])],
                )
