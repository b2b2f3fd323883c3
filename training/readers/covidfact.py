"""FEVER and SciFact claim-evidence pairs, as CovidFact's repository carries them.

CovidFact's own texts are left out: their repository states no licence.
"""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import claim, detokenised
from training.record import Record

VERDICT = {"entailment": 0.0, "not_entailment": 1.0}


def read(snapshot: Snapshot) -> Iterator[Record]:
    folder = "RTE-Fever/processed/"
    columns = [
        snapshot.text(folder + name).split("\n")
        for name in ("dev.raw.input0", "dev.raw.input1", "dev.label")
    ]
    for evidence, said, verdict in zip(*columns, strict=False):
        if verdict in VERDICT and evidence and said:
            yield claim(
                "hallucination",
                detokenised(evidence),
                detokenised(said),
                VERDICT[verdict],
                f"fact_check/{verdict}",
                "CC-BY-SA-3.0 (FEVER)",
            )
    for path in ("RTE-scifact/train.tsv", "RTE-scifact/dev.tsv"):
        for line in snapshot.text(path).split("\n")[1:]:
            cells = line.split("\t")
            if len(cells) == 4 and cells[3] in VERDICT:
                yield claim(
                    "hallucination",
                    cells[1],
                    cells[2],
                    VERDICT[cells[3]],
                    f"science/{cells[3]}",
                    "CC-BY-4.0 (SciFact)",
                )
