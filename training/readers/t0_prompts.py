"""Tasks of the T0 mixture as people put them to a model: an instruction with a text of news,
reviews, talk or an encyclopedia. Healthy prompts full of instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zlib import crc32

from training.mirror import Snapshot
from training.readers import benign
from training.record import Record

#: Texts in which people do not rail at each other.
_CALM = re.compile(r"/(ag_news|cnn|xsum|multi_news|samsum|wiki|sciq|dbpedia|cosmos|quartz|app_)")


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.jsonl(path):
            text = row["prompt"].strip()
            # Ten in each hundred: there are two hundred of each form.
            if not 80 < len(text) < 6000 or crc32(text.encode()) % 10:
                continue
            if benign.ATTACK_QUOTED.search(text):
                continue
            tasks = ["jailbreak", "prompt_injection"]
            if _CALM.search(path):
                tasks.append("toxicity")
            yield from benign.prompt(text, "task_with_text_benign", *tasks)
