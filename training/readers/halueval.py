"""HaluEval: questions on HotpotQA knowledge with a right and a hallucinated answer each."""

from __future__ import annotations

import json
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import statement
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in ("generation/qa/qa_one-turn_data.json", "generation/qa/qa_multi-turn_data.json"):
        for number, line in enumerate(snapshot.text(path).split("\n")):
            if not line.strip():
                continue
            row = json.loads(line)
            for label, answer in enumerate((row["right_answer"], row["hallucinated_answer"])):
                # Right answers are bare spans, hallucinated ones sentences: a bare answer of either
                # side becomes a statement, or length alone would tell them apart.
                short = len(answer.split()) < 7
                yield Record(
                    "hallucination",
                    float(label),
                    "question/" + ("right", "hallucinated")[label],
                    input=row["question"],
                    output=statement(row["question"], answer, number) if short else answer,
                    context=[row["knowledge"]],
                )
