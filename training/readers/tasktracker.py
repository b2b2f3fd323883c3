"""TaskTracker: announcements that make a model take up a second task (arXiv 2406.00799).

Not read: its jailbreaks, which other collections share.
"""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

_FOLDER = "task_tracker/dataset_creation/datasets/"


def read(snapshot: Snapshot) -> Iterator[Record]:
    asked = [
        line.partition(" Answer:")[0].removeprefix("Question: ")
        for line in snapshot.text(f"{_FOLDER}trivia_pairs.txt").splitlines()
        if line.startswith("Question: ")
    ]
    other = snapshot.text(f"{_FOLDER}translated_secondary_tasks.txt").splitlines()
    at = 0
    for name in ("saved_injections.txt", "saved_injections_test.txt"):
        for line in snapshot.text(_FOLDER + name).splitlines():
            if len(line) < 20:
                continue
            for task in (asked[at % len(asked)], other[at % len(other)]):
                yield Record("prompt_injection", 1, "second_task", context=[f"{line} {task}"])
            at += 1
