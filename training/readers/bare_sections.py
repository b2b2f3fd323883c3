"""Sections of a manual without their headings, each asked for by its heading, with the section before
it beside it: what comes of splitting pages at headings. What such a text is about often stands in the
heading alone, so that nothing in it is near the query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from classify.models.windows import is_prose
from classify.signals.language import reads
from training.mirror import Snapshot
from training.record import Record

_HEADING = re.compile(r"^#{1,3} +", re.M)
#: "installation.polish.md", but not "installation.en.mdx".
_TRANSLATED = re.compile(r"\.(?!en\.)[a-z-]+\.mdx?$")
#: Pictures and addresses in a heading.
_LINK = re.compile(r"!\[[^\]\n]{0,200}\]|\([^()\s]{0,300}[/.][^()\s]{0,300}\)")
_LEAST, _MOST = 200, 2000
#: What its readers call each.
_NAMES = (
    ("handbook", "handbook"), ("book", "book"), ("cook", "cookbook"), ("CheatSheet", "cheat sheet"),
    ("", "guide"),
)  # fmt: skip


def read(snapshot: Snapshot) -> Iterator[Record]:
    name = next(name for part, name in _NAMES if part in snapshot.repository)
    found: dict[str, list[str]] = {}
    for path in snapshot.chosen:
        if _TRANSLATED.search(path):
            continue
        sections = _HEADING.split(snapshot.text(path))[1:]
        for number, section in enumerate(sections):
            heading, _, body = section.partition("\n")
            title = re.sub(r"[#*_`{}\[\]]", "", _LINK.sub("", heading)).strip()
            if (
                title
                and is_prose(body[:_LEAST])
                and len(body) >= _LEAST
                and reads(body)
                and reads(f"{title} {body[:200]}")
            ):
                documents = [body.strip(), *sections[max(0, number - 1) : number]]
                found.setdefault(title.lower(), [title, *(one[:_MOST] for one in documents)])
    sections_found = list(found.values())
    Random("bare sections").shuffle(sections_found)
    for title, *documents in sections_found:
        asked = title if title.endswith("?") else f"What does the {name} say about {title}?"
        yield Record("retrieval_relevance", 0.0, "section/bare", asked, context=documents)
