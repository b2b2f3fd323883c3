"""KazKozDev/system-prompt-benchmark: attack packs by category, and benign controls."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import UNDECIDED, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for test in snapshot.json(path)["tests"]:
            said, kind = str(test.get("input", "")), str(test.get("category", "other"))
            carried = [str(a.get("content", "")) for a in test.get("artifacts", [])]
            if not test.get("should_refuse"):
                for task in ("jailbreak", "prompt_injection"):
                    yield Record(task, 0, kind, said, context=carried)
            elif carried:
                yield Record("prompt_injection", 1, kind, said, context=carried)
            elif test.get("universal_category") == "jailbreak_resistance":
                yield Record("jailbreak", 1, kind, said)
                if "injection" in kind or "leak" in kind or "rag" in kind:
                    yield Record("prompt_injection", 1, kind, said)
            else:
                yield Record("jailbreak", UNDECIDED, "harmful_direct", said)
