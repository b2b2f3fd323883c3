"""ExpertQA: sentences that six systems wrote for experts' questions, with what they cite, judged by
the experts (arXiv 2309.07852)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.pairs import folded
from training.record import UNDECIDED, Record

#: 'Incomplete' is what an expert says of evidence that does not hold the sentence up.
LABELS = {"Complete": 0.0, "Partial": UNDECIDED, "Incomplete": 1.0}
#: Of the evidence, less than this is an address without its text.
_SHORTEST = 200
_ADDRESS = re.compile(r"^\[\d+\]\s*\S+\s*")
_MARK = re.compile(r"\s?\[\d+\]")


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.jsonl(path):
            for system, answer in row["answers"].items():
                for claim in answer.get("claims") or ():
                    label = LABELS.get(claim.get("support") or "")
                    held = [
                        folded(_ADDRESS.sub("", text))
                        for text in claim.get("evidence") or ()
                        if len(text) >= _SHORTEST
                    ]
                    if label is None or not held:
                        continue
                    yield Record(
                        "hallucination",
                        label,
                        f"expert/{system}",
                        input=folded(row["question"]),
                        output=folded(_MARK.sub("", claim["claim_string"])),
                        context=[text[:6000] for text in held],
                    )
