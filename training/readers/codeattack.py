"""AI45Lab/CodeAttack: harmful requests wrapped as code to complete, or in ciphers."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for row in snapshot.json(path)[::2]:
            if wrapped := row.get("code_wrapped_plain_attack"):
                yield Record("jailbreak", 1, "code_wrapped", wrapped)
            elif isinstance(cipher := row.get("cipher"), str):
                yield Record("jailbreak", 1, "cipher", cipher[:6000])
