"""yunwei37/prompt-hacker-collections: jailbreak prompts that people passed around."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        try:
            found = yaml.safe_load(snapshot.text(path))
        except yaml.YAMLError:
            continue
        if isinstance(found, dict) and len(str(found.get("prompt", ""))) > 60:
            yield Record("jailbreak", 1, "published_jailbreak", str(found["prompt"]))
