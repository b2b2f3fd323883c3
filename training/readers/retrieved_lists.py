"""What a retrieval returns: the document that answers a query among two others of its corpus. Of the
repositories whose pairs of query and document other readers read, where a document says what it is
about and a query can be asked without the text before it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from training.mirror import Snapshot
from training.record import Record

READERS = {
    "primeqa/clapnq": "clapnq",
    "abachaa/MedQuAD": "medquad",
}


def read(snapshot: Snapshot) -> Iterator[Record]:
    reader = importlib.import_module(f"training.readers.{READERS[snapshot.repository]}")
    right = [
        record
        for record in reader.read(snapshot)
        if record.task == "retrieval_relevance" and record.label == 0.0
    ]
    for number, record in enumerate(right):
        others = [right[(number * 7919 + at) % len(right)].context[0] for at in (4243, 9181)]
        at = number % 3
        documents = [*others[:at], record.context[0], *others[at:]]
        yield Record(record.task, 0.0, "list/answers", input=record.input, context=documents)
