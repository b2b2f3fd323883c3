"""DSTC9 track 1: frequent questions of hotels, restaurants, taxis and trains."""

from __future__ import annotations

from collections.abc import Iterator

from training.mirror import Snapshot
from training.readers.negatives import Index, words
from training.readers.pairs import retrieved
from training.record import Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for places in snapshot.json("data_eval/knowledge.json").values():
        for place in places.values():
            docs = [place["docs"][key] for key in sorted(place["docs"], key=int)]
            index = Index([f"{doc['title']} {doc['body']}" for doc in docs])
            for number, doc in enumerate(docs[::3]):
                at = number * 3
                name = place["name"]
                query = doc["title"]
                if name and name.lower() not in query.lower():
                    query = f"{name.title()}: {query}"
                yield retrieved(query, doc["body"], 0.0, "faq/own")
                near = index.near(doc["title"], {at})
                if near is None:
                    near = (at + 1) % len(docs)
                asked = set(words(doc["title"]))
                if near != at and len(asked & set(words(docs[near]["title"]))) < len(asked) - 1:
                    yield retrieved(query, docs[near]["body"], 1.0, "faq/same_place")
