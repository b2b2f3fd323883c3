"""DSTC11 track 5: turns of bookings and the review sentences and FAQ that answer them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from training.mirror import Snapshot
from training.readers.negatives import Index, words
from training.readers.pairs import folded, retrieved
from training.record import Record


def texts(place: dict[str, Any]) -> dict[tuple[str, int], str]:
    """(kind, number) → a place's reviews and FAQ answers."""
    found = {}
    for key, review in place.get("reviews", {}).items():
        found["review", int(key)] = folded(" ".join(review["sentences"].values()))
    for key, faq in place.get("faqs", {}).items():
        found["faq", int(key)] = folded(f"{faq['question']} {faq['answer']}")
    return found


def read(snapshot: Snapshot) -> Iterator[Record]:
    knowledge = snapshot.json("data/knowledge.json")
    turns = zip(
        snapshot.json("data/val/logs.json"), snapshot.json("data/val/labels.json"), strict=True
    )
    for log, label in turns:
        if not label["target"]:
            continue
        asked = log[-1]["text"]
        first = label["knowledge"][0]
        place = knowledge[first["domain"]][str(first["entity_id"])]
        held = texts(place)
        right = {(k["doc_type"], k["doc_id"]) for k in label["knowledge"]}
        query = f"{place['name'].title()}: {asked}"
        key = min(right)
        if key not in held:
            continue
        yield retrieved(query, held[key], 0.0, f"booking/{key[0]}")
        others = [other for other in sorted(held) if other not in right and other[0] == key[0]]
        if key[0] == "review":
            # An unmarked review may still touch the question: only those sharing no word with it.
            said = set(words(asked))
            others = [other for other in others if not said & set(words(held[other]))]
        if others:
            near = Index([held[other] for other in others]).near(asked, set()) or 0
            yield retrieved(query, held[others[near]], 1.0, f"booking/other_{key[0]}")
