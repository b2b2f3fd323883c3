"""HannahKirk/Hatemoji: HatemojiBuild, adversarial pairs with and without hate."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.csv(path):
            label = int(row["label_gold"])
            kind = "emoji_hate" if label else "emoji_perturbed_benign"
            yield Record("toxicity", label, kind, row["text"])
