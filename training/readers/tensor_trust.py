"""HumanCompatibleAI/tensor-trust-data: players' attacks on, and defences of, a guarded prompt."""

from __future__ import annotations

import bz2
import json
from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers import benign
from training.record import Record


def _padded(text: str) -> bool:
    """A run of one repeated token: noise that fills the window, no text to judge."""
    words = text.split()
    return len(words) > 30 and len(set(words)) < len(words) / 8


def read(snapshot: Snapshot) -> Iterator[Record]:
    kinds = (
        ("hijacking", ("prompt_injection",)),
        ("extraction", ("prompt_injection", "jailbreak")),
    )
    for kind, tasks in kinds:
        path = f"benchmarks/{kind}-robustness/v1/{kind}_robustness_dataset.jsonl"
        for row in snapshot.jsonl(path):
            attack = row["attack"]
            if len(attack.strip()) >= 12 and not _padded(attack):
                named = "hijack" if kind == "hijacking" else "system_prompt_extraction"
                for task in tasks:
                    yield Record(task, 1, named, attack[:6000])
    raw = bz2.decompress(snapshot.bytes("raw-data/v1/raw_dump_defenses.jsonl.bz2")).decode()
    for line in raw.split("\n"):
        if not line:
            continue
        row = json.loads(line)
        text = f"{row['opening_defense']}\n{row['closing_defense']}".strip()
        if 80 < len(text) < 4000 and not benign.ATTACK_QUOTED.search(text) and not _padded(text):
            message = [{"role": "system", "content": text}]
            yield Record("prompt_injection", 0, "system_prompt_benign", message)
