"""CLAP NQ: questions, passages with and without an answer, answers that people wrote from them
(arXiv 2404.02103)."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.negatives import Index
from training.readers.pairs import detokenised
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    """hallucination: an answer beside its passage, and beside the one that is next to it in words.
    retrieval_relevance: a passage with the answer, or one of the right article without it."""
    rows = [
        (row, path) for path in snapshot.chosen for row in snapshot.jsonl(path) if row["passages"]
    ]
    texts = [detokenised(_titled(row["passages"][0])) for row, _ in rows]
    index = Index(texts)
    for number, (row, path) in enumerate(rows):
        asked, passage = row["input"], texts[number]
        answerable = "unanswerable" not in path
        kind = "passage/answers" if answerable else "passage/near_miss"
        yield _retrieved(asked, passage, 0.0 if answerable else 1.0, kind)
        if not answerable:
            continue
        near = index.near(row["output"][0]["answer"], {number})
        for output in row["output"][:1]:
            said = detokenised(output["answer"])
            if not said:
                continue
            yield Record(
                "hallucination", 0.0, "answer/own", input=asked, output=said, context=[passage]
            )
            if near is not None:
                kind = "answer/passage_of_another"
                yield Record(
                    "hallucination", 1.0, kind, input=asked, output=said, context=[texts[near]]
                )


def _retrieved(asked: str, passage: str, label: float, kind: str) -> Record:
    return Record("retrieval_relevance", label, f"{kind}/pair", input=asked, context=[passage])


def _titled(passage: dict[str, str]) -> str:
    """As a retrieval returns it: a passage alone often does not say what it is about."""
    return f"{passage['title']}: {passage['text']}"
