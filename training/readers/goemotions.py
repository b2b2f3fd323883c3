"""GoEmotions: comments with emotions marked by people; a register, not a dialogue.

Anger and annoyance at someone spoken to ("you") stand for frustration; praise, joy, curiosity and
sadness do not. Comments with both sides are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

FRUSTRATED = frozenset({"anger", "annoyance"})
CALM = frozenset(
    "admiration amusement approval caring curiosity desire excitement gratitude joy love optimism"
    " pride relief neutral sadness confusion surprise".split()
)
SPOKEN_TO = re.compile(r"\b(?:you|your|you're|u|this|it|it's)\b", re.I)


def read(snapshot: Snapshot) -> Iterator[Record]:
    names = snapshot.text("data/original/labels.txt").split()
    for part in ("train", "dev", "test"):
        for line in snapshot.text(f"data/original/{part}.tsv").split("\n"):
            cells = line.split("\t")
            if len(cells) != 3:
                continue
            marked = {names[int(number)] for number in cells[1].split(",")}
            frustrated = bool(marked & FRUSTRATED)
            if frustrated == bool(marked & CALM) or not SPOKEN_TO.search(cells[0]):
                continue
            text = cells[0].replace("[NAME]", "Sam").replace("[RELIGION]", "church")
            yield Record(
                "user_frustration",
                float(frustrated),
                f"comment/{min(marked)}",
                input=[{"role": "user", "content": text}],
            )
