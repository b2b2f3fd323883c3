"""basecamp/handbook: a company's rules for its people, by section."""

from __future__ import annotations

import re
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

_SECTION = re.compile(r"^#{1,3} (?=\S)", re.M)


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for section in _SECTION.split(snapshot.text(path)):
            if len(section) < 60:
                continue
            asked = f"What does the handbook say about {section.splitlines()[0].strip().lower()}?"
            yield Record("prompt_injection", 0, "rules", asked, context=[section.strip()])
