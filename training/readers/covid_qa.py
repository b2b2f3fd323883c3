"""COVID-QA: questions on papers (SQuAD form), and frequent questions of health authorities."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import folded, retrieved
from training.record import Record

WINDOW = 900
"""Characters of a passage."""


def passages(text: str) -> list[tuple[int, str]]:
    """(start, passage) windows cut at spaces."""
    found, start = [], 0
    while start < len(text):
        end = text.find(" ", start + WINDOW)
        end = len(text) if end < 0 else end
        found.append((start, text[start:end]))
        start = end
    return found


def read(snapshot: Snapshot) -> Iterator[Record]:
    whole = snapshot.json("data/question-answering/200423_covidQA.json")
    for article in whole["data"]:
        for paragraph in article["paragraphs"]:
            cut = passages(paragraph["context"])
            index = Index([text for _, text in cut])
            for asked in paragraph["qas"]:
                if not asked["answers"]:
                    continue
                answer = asked["answers"][0]
                at, start = 0, answer["answer_start"]
                for number, (begin, _) in enumerate(cut):
                    if begin <= start:
                        at = number
                yield retrieved(asked["question"], cut[at][1], 0.0, "paper/own_passage")
                near = index.near(asked["question"], {at - 1, at, at + 1}, folded(answer["text"]))
                if near is not None:
                    yield retrieved(asked["question"], cut[near][1], 1.0, "paper/same_article")
    rows = [
        row
        for row in snapshot.csv("data/faqs/faq_covidbert.csv")
        if row.get("lang", "en") in {"en", ""} and row["question"] and row["answer"]
    ]
    index = Index([row["answer"] for row in rows])
    for number, row in enumerate(rows):
        yield retrieved(row["question"], row["answer"][:1500], 0.0, "faq/own")
        same = {n for n, other in enumerate(rows) if other["question"] == row["question"]}
        for at in (2, 6):
            near = index.near(row["question"], same | {number}, at=at)
            if near is not None:
                text = rows[near]["answer"][:1500]
                yield retrieved(row["question"], text, 1.0, "faq/lexical_neighbour")
