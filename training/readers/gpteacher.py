"""teknium1/GPTeacher: role-play and programming instructions, with answers."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    files = (
        ("Roleplay/roleplay-simple-deduped-roleplay-instruct.json", "role_play_benign"),
        ("Codegen/codegen-instruct.json", "coding_benign"),
    )
    for path, kind in files:
        for at, row in enumerate(snapshot.json(path)):
            said = f"{row['instruction']}\n\n{row['input']}".strip()
            for task in ("jailbreak", "prompt_injection"):
                yield Record(task, 0, kind, said)
            if at % 4 == 0:
                yield Record("toxicity", 0, kind, said, output=row["response"])
