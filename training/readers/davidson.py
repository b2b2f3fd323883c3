"""t-davidson/hate-speech-and-offensive-language: tweets, three annotators and more.

Hate is 1; unanimously offensive 0.8 (much is slang without a target); neither, unanimously, 0.
"""

from __future__ import annotations

import html
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv("data/labeled_data.csv"):
        text = html.unescape(row["tweet"]).strip("! ")
        votes = int(row["count"])
        if row["class"] == "0":
            yield Record("toxicity", 1, "hate", text)
        elif int(row["offensive_language"]) == votes:
            yield Record("toxicity", 0.8, "offensive", text)
        elif int(row["neither"]) == votes:
            yield Record("toxicity", 0, "tweet_benign", text)
