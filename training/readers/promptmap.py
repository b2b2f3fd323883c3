"""utkusen/promptmap: attack rules by folder. GPL-3.0: read for evaluation, never for training."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from training.mirror import Snapshot
from training.record import UNDECIDED, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        rule = yaml.safe_load(snapshot.text(path))
        folder = path.split("/")[1]
        text = str(rule.get("prompt", ""))
        if folder == "jailbreak":
            yield Record("jailbreak", 1, "jailbreak", text)
        elif folder in ("prompt_stealing", "distraction"):
            yield Record("prompt_injection", 1, folder, text)
            if folder == "prompt_stealing":
                yield Record("jailbreak", 1, folder, text)
        else:
            yield Record("jailbreak", UNDECIDED, "harmful_direct", text)
