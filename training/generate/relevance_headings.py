"""Headings of manuals as queries: their own section helps, a near one of the same source does not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from random import Random

from training.build import Built
from training.readers.negatives import Index, words
from training.readers.pairs import retrieved
from training.record import Record

_SECTION = re.compile(r"^#{1,4} (.{8,90})\n+((?:(?!^#{1,4} ).*\n?){1,40})", re.M)
_FORMS = (
    "{}", "{}", "{}?", "How does this work: {}", "What do the docs say about {}?",
    "Tell me about {}", "I need help with {}",
)  # fmt: skip


def generate(rng: Random, built: Built) -> Iterator[Record]:
    pages: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for record in [*built.records("document"), *built.records("prompt_injection")]:
        if record.label or not record.context:
            continue
        for title, body in _SECTION.findall(record.context[0]):
            title = re.sub(r"[#*`_\[\]]", "", title).strip(" :.")
            if len(body.strip()) > 150 and len(words(title)) > 1:
                pages[record.source].append((title, body.strip()[:1000], record.licence))
    for source in sorted(pages):
        rows = pages[source]
        index = Index([body for _, body, _ in rows])
        for at, (title, body, licence) in enumerate(rows):
            query = rng.choice(_FORMS).format(title)
            yield retrieved(query, body, 0.0, "section", licence)
            same = {i for i, row in enumerate(rows) if row[0] == title or row[1] == body}
            near = index.near(title, same | {at}, at=rng.randrange(3))
            if near is None:
                near = rng.randrange(len(rows))
            if near not in same:
                yield retrieved(query, rows[near][1], 1.0, "near_section", licence)
