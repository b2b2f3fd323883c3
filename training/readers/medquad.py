"""MedQuAD: questions of patients with their answers (arXiv 1901.08079). Documents that do not help
answer another question on the same illness, or one in near words on another."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from random import Random

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import retrieved
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("medquad")
    pages: list[list[tuple[str, str]]] = []
    for path in rng.sample(snapshot.chosen, min(2500, len(snapshot.chosen))):
        try:
            root = ElementTree.fromstring(snapshot.text(path))  # noqa: S314 - of a pinned commit
        except ElementTree.ParseError:
            continue
        asked = [
            (pair.findtext("Question") or "", (pair.findtext("Answer") or "").strip())
            for pair in root.iter("QAPair")
        ]
        pages.append([(q, a[:1200]) for q, a in asked if q and len(a) > 60])
    pairs = [(q, a, number) for number, page in enumerate(pages) for q, a in page]
    index = Index([answer for _, answer, _ in pairs])
    for at, (question, answer, number) in enumerate(pairs):
        yield retrieved(question, answer, 0.0, "answer")
        others = [a for q, a in pages[number] if q != question]
        if others and at % 2:
            yield retrieved(question, rng.choice(others), 1.0, "other_question_of_the_page")
        else:
            same = {i for i, pair in enumerate(pairs) if pair[2] == number}
            near = index.near(question, same)
            if near is not None:
                yield retrieved(question, index.texts[near], 1.0, "near_words")
