"""User Satisfaction Simulation: turns of four dialogue sets, rated 1 to 5 by three people and more.

The scale is of satisfaction, not of words: a low mark is mostly a search without a result, after
which the user says nothing unkind. `kind` begins with the set, so that it can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import UNDECIDED, Message, Record

ROLES = {"USER": "user", "SYSTEM": "assistant"}
#: Turns before the rated one that are kept.
BEFORE = 8


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        name = path.rpartition("/")[2].removesuffix(".txt")
        said: list[Message] = []
        for line in snapshot.text(path).split("\n"):
            cells = line.split("\t")
            if len(cells) < 2:
                said = []
                continue
            role, text = ROLES.get(cells[0], ""), cells[1].strip()
            if text == "OVERALL" or not role or not text:
                continue
            said.append({"role": role, "content": text})
            marks = [int(mark) for mark in cells[3].split(",") if mark] if len(cells) > 3 else []
            if role == "user" and marks:
                label = 1.0 if max(marks) <= 2 else 0.0 if min(marks) >= 3 else UNDECIDED
                told = "low" if label == 1.0 else "fair" if label == 0.0 else "divided"
                kept = [dict(each) for each in said[-BEFORE - 1 :]]
                yield Record("user_frustration", label, f"{name}/{told}", input=kept)
