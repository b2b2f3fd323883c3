"""XQuAD, English: questions with their paragraph; other paragraphs of the article do not answer."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import claim, retrieved, statement
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("xquad")
    for path in snapshot.chosen:
        for article in snapshot.json(path)["data"]:
            passages = [paragraph["context"] for paragraph in article["paragraphs"]]
            index = Index(passages)
            for number, paragraph in enumerate(article["paragraphs"]):
                answers = sorted({qa["answers"][0]["text"] for qa in paragraph["qas"]})
                for form, qa in enumerate(paragraph["qas"]):
                    question, answer = qa["question"], qa["answers"][0]["text"]
                    yield retrieved(question, passages[number], 0.0, "paragraph")
                    near = index.near(question, {number}, answer)
                    if near is not None:
                        yield retrieved(question, passages[near], 1.0, "other_paragraph")
                    said = statement(question, answer, form)
                    yield claim("hallucination", passages[number], said, 0.0, "answer")
                    wrong = [a for a in answers if a.lower() not in f"{answer} {question}".lower()]
                    if wrong:
                        said = statement(question, rng.choice(wrong), form)
                        yield claim("hallucination", passages[number], said, 1.0, "other_answer")
