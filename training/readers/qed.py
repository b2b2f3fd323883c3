"""QED: Natural Questions with the Wikipedia paragraph and the answers people marked."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import claim, detokenised, retrieved, sentences, statement
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    rows = list(snapshot.jsonl("qed-dev.jsonlines"))
    texts = [detokenised(row["paragraph_text"]) for row in rows]
    index = Index(texts)
    answers = [
        detokenised(row["original_nq_answers"][0][0]["string"])
        if row.get("original_nq_answers")
        else ""
        for row in rows
    ]
    for number, row in enumerate(rows):
        asked, answer = row["question_text"], answers[number]
        if not answer or answer.lower() not in texts[number].lower():
            continue
        yield retrieved(asked, texts[number], 0.0, "question/own")
        near = index.near(asked, skip={number}, without=answer)
        if near is not None:
            yield retrieved(asked, texts[near], 1.0, "question/lexical_neighbour")
            yield claim(
                "hallucination",
                texts[near],
                statement(asked, answer, number),
                1.0,
                "question/evidence_of_another",
            )
        yield claim(
            "hallucination", texts[number], statement(asked, answer, number), 0.0, "question/right"
        )
        other = answers[(number * 7 + 3) % len(rows)]
        if other and other.lower() not in texts[number].lower():
            yield claim(
                "hallucination",
                texts[number],
                statement(asked, other, number),
                1.0,
                "question/answer_of_another",
            )
        # Another span of the same paragraph in the answer's place: same topic, same words.
        for sentence in sentences(texts[number])[1:2]:
            names = [w for w in sentence.split()[1:] if w[:1].isupper() and w.isalpha()]
            if names and names[0].lower() not in answer.lower():
                wrong = statement(asked, names[0], number)
                yield claim("hallucination", texts[number], wrong, 1.0, "question/other_span")
