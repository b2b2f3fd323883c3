"""conversationai/unintended-ml-bias-analysis: Wikipedia comments, and identity templates."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

COMMENTS = "archive/unintended_ml_bias/eval_datasets/toxicity_nonfuzzed_testset.csv"


def read(snapshot: Snapshot) -> Iterator[Record]:
    for row in snapshot.csv(COMMENTS):
        text = re.sub(r"\s+", " ", row["comment"]).strip()
        label = 1 if row["toxic"].strip().lower() in ("true", "1") else 0
        yield Record("toxicity", label, "comment_toxic" if label else "comment_benign", text[:4000])
    for at, row in enumerate(snapshot.csv("sentence_templates/en_sentence_templates.csv")):
        if at % 60 == 0:
            label = 1 if row["toxicity"] == "toxic" else 0
            kind = "identity_insult" if label else "identity_mention_benign"
            yield Record("toxicity", label, kind, row["phrase"])
