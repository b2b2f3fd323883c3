"""amandacurry/convabuse: what users said to three chatbots; annotators from -3 (abuse) to 1.

The label is the share of annotators that saw abuse.
"""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.csv(path):
            votes = {"1": 0, "0": 0, "-1": 0, "-2": 0, "-3": 0}
            for name, value in row.items():
                _, found, degree = (name or "").partition("_is_abuse.")
                if found and value not in ("", "0", "0.0", "nan"):
                    votes[degree] += 1
            total = sum(votes.values())
            abusive = votes["-1"] + votes["-2"] + votes["-3"]
            if not total or 0.34 < abusive / total < 0.66:
                continue
            label = round(abusive / total, 2)
            turns = [
                {"role": "user", "content": row["prev_user"]},
                {"role": "assistant", "content": row["agent"]},
                {"role": "user", "content": row["user"]},
            ]
            kind = "abuse_of_bot" if label > 0.5 else "chat_with_bot_benign"
            yield Record("toxicity", label, kind, [t for t in turns if t["content"]])
