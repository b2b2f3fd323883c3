"""PubMedQA: questions from titles, the abstract without its conclusion, and the conclusion."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import claim, retrieved, sentences
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    rows = [row for _, row in sorted(snapshot.json("data/ori_pqal.json").items())]
    texts = [" ".join(row["CONTEXTS"]) for row in rows]
    index = Index(texts)
    for number, row in enumerate(rows):
        asked = row["QUESTION"]
        yield retrieved(asked, texts[number], 0.0, "medicine/own")
        near = index.near(asked, {number})
        if near is not None:
            yield retrieved(asked, texts[near], 1.0, "medicine/lexical_neighbour")
            second = index.near(row["LONG_ANSWER"], {number, near})
            for said in sentences(row["LONG_ANSWER"])[:1]:
                if second is not None:
                    yield claim(
                        "hallucination", texts[second], said, 1.0, "medicine/evidence_of_another"
                    )
        for said in sentences(row["LONG_ANSWER"])[:1]:
            # A conclusion is drawn from its abstract; a "maybe" one is not plainly supported.
            if row["final_decision"] != "maybe":
                yield claim("hallucination", texts[number], said, 0.0, "medicine/conclusion")
