"""microsoft/TOXIGEN: statements on thirteen groups, hateful or neutral, out of its prompts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        named = path.rsplit("/", 1)[1]
        label = 1 if named.startswith("hate") else 0
        group = re.sub(r"^(hate|neutral)_|(_1k|_sentences)?\.txt$", "", named)
        seen: set[str] = set()
        for line in snapshot.text(path).splitlines():
            for said in re.split(r"\\n", line):
                text = said.lstrip("- ").strip()
                if len(text) > 20 and text not in seen:
                    seen.add(text)
                    kind = f"{'hate' if label else 'neutral'}_{group}"
                    yield Record("toxicity", label, kind, text)
