"""sherdencooper/GPTFuzz: human-written jailbreak templates, filled with its questions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from training.mirror import Snapshot
from training.record import UNDECIDED, Record

HOLE = "[INSERT PROMPT HERE]"


def read(snapshot: Snapshot) -> Iterator[Record]:
    rows = snapshot.csv("datasets/questions/question_list.csv")
    questions = [row.get("text") or next(iter(reversed(row.values()))) for row in rows]
    for question in questions:
        yield Record("jailbreak", UNDECIDED, "harmful_direct", question)
    templates = [row["text"] for row in snapshot.csv("datasets/prompts/GPTFuzzer.csv")]
    for at, template in enumerate(templates):
        for question in islice(questions[at % 10 :], 0, 80, 10):
            yield Record("jailbreak", 1, "template_filled", template.replace(HOLE, question))
