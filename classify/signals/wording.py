"""Signals that the safety classifiers share, read off a passage."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from classify.models.encoder import Input
from classify.signals import ngrams, role_tags
from classify.signals.disguise import readings
from classify.signals.exfiltration import carried, slots
from classify.signals.passage import Passage
from classify.signals.phrases import phrases
from classify.signals.signal import Logit, Signal
from classify.signals.vocabulary import words


def phrase_signals(list_name: str) -> tuple[Signal[Passage], ...]:
    """One signal for each phrase of a list: how often it is used, at most twice."""
    return tuple(
        Signal(
            phrase.name,
            phrase.name,
            partial(_times, phrase.name),
            place=lambda passage, name=phrase.name: passage.place(name),  # type: ignore[misc]
        )
        for phrase in phrases(list_name)
        if phrase.weighs and not phrase.alone
    )


def _times(name: str, passage: Passage) -> float:
    return min(2.0, len(passage.found.get(name, ())))


def ngram_signals(model: str, says: str) -> tuple[Signal[Passage], ...]:
    """The wording of the passage, and of its worst sentence."""
    return (
        Signal("wording", says, lambda passage: ngrams.logit(model, passage.plain)),
        Signal(
            "worst sentence",
            says,
            lambda passage: ngrams.worst(model, passage.plain)[0],
            place=lambda passage: ngrams.worst(model, passage.plain)[1],
        ),
    )


def _spoken_of(passage: Passage) -> float:
    return min(3.0, passage.spoken_of)


def _hidden(passage: Passage) -> float:
    return float(len(readings(passage.text)) - 1 > 0)


def _orders(passage: Passage) -> float:
    return min(3.0, len(role_tags.orders(passage.plain)))


def _order_place(passage: Passage) -> str:
    mark = role_tags.orders(passage.plain)[0]
    return passage.plain[mark.start : mark.end + 60]


def _turns(passage: Passage) -> float:
    return min(6.0, role_tags.turns(passage.plain))


def _slots(passage: Passage) -> float:
    return float(bool(slots(passage.plain) or (passage.fetched and carried(passage.plain))))


def _slot_place(passage: Passage) -> str:
    start, end = (slots(passage.plain) or carried(passage.plain))[0]
    return passage.plain[max(0, start - 60) : end + 60]


_YOU = frozenset("you your yours yourself u".split())


def you_share(passage: Passage) -> float:
    """The share of its words that speak to the reader."""
    said = words(passage.plain)
    return sum(word in _YOU for word in said) / len(said) if said else 0.0


_LETTER = re.compile(r"[^\W\d_]")
_ODD = re.compile(r"[^\w\s]")


def noise(passage: Passage) -> float:
    """The largest share of punctuation in sixty characters: optimised suffixes and padding."""
    text = passage.plain
    pieces = [text[at : at + 60] for at in range(0, max(1, len(text) - 30), 60)]
    return max(len(_ODD.findall(piece)) / max(20, len(piece)) for piece in pieces)


def length(passage: Passage) -> float:
    """Hundreds of characters, at most twelve."""
    return min(12.0, len(passage.text) / 100)


SHARED: tuple[Signal[Passage], ...] = (
    Signal("spoken of", "such phrases are spoken of", _spoken_of, rises=None),
    Signal("hidden text", "text that was encoded or hidden", _hidden),
    Signal("orders", "a mark of the system with an order", _orders, place=_order_place),
    Signal("written turns", "turns of a conversation written out", _turns),
    Signal("you", "it speaks to the reader", you_share, rises=None),
    Signal("noise", "a run of punctuation", noise, rises=None),
    Signal("length", "its length", length, rises=None),
)  # fmt: skip
LINKS: Signal[Passage] = Signal(
    "link for data", "a link that takes data with it", _slots, place=_slot_place
)


def head(name: str, says: str, form: Any) -> Logit[Passage]:
    """The encoder's head; it is not asked of what it can't read."""

    def ask(passage: Passage) -> list[Input]:
        return [form(passage)] if passage.is_read else []

    return Logit("head", says, name, ask)
