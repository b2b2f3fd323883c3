"""Published "act as …" prompts: f/awesome-chatgpt-prompts and its Chinese sister."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers import benign
from training.record import Record

UNRULY = re.compile(r"(?i)unfiltered|without restrictions|\bDAN\b|jailbreak")


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        rows = snapshot.csv(path) if path.endswith(".csv") else snapshot.json(path)
        for row in rows:
            text = row.get("prompt") or ""
            if len(text) > 40 and not UNRULY.search(text):
                yield from benign.prompt(text, "role_play_benign")
