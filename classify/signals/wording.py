"""Signals that the safety classifiers share, read off a passage."""

from __future__ import annotations

from functools import partial
from typing import Any

from classify.signals import ngrams, role_tags
from classify.signals.disguise import readings
from classify.signals.exfiltration import carried, slots
from classify.signals.passage import Passage
from classify.signals.phrases import phrases
from classify.signals.signal import Logit, Signal


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


def wording(model: str, says: str) -> Signal[Passage]:
    """The wording of the whole text that the passage is of."""

    def read(passage: Passage) -> float:
        return ngrams.logit(model, readings(passage.whole or passage.text)[0].text)

    return Signal("wording", says, read)


def worst_sentence(model: str, says: str) -> Signal[Passage]:
    """The wording of the passage's worst sentence: one in a page is enough."""
    return Signal(
        "worst sentence",
        says,
        lambda passage: ngrams.worst(model, passage.plain)[0],
        place=lambda passage: ngrams.worst(model, passage.plain)[1],
    )


def _orders(passage: Passage) -> float:
    return min(3.0, len(role_tags.orders(passage.plain)))


def _order_place(passage: Passage) -> str:
    mark = role_tags.orders(passage.plain)[0]
    return passage.plain[mark.start : mark.end + 60]


def _slots(passage: Passage) -> float:
    return float(bool(slots(passage.plain) or (passage.fetched and carried(passage.plain))))


def _slot_place(passage: Passage) -> str:
    start, end = (slots(passage.plain) or carried(passage.plain))[0]
    return passage.plain[max(0, start - 60) : end + 60]


ORDERS: Signal[Passage] = Signal(
    "orders", "a mark of the system with an order", _orders, place=_order_place
)
MANY_SHOT: Signal[Passage] = Signal(
    "written turns",
    "turns of a conversation written out",
    lambda passage: min(8.0, role_tags.turns(passage.whole or passage.text)),
)
LINKS: Signal[Passage] = Signal(
    "link for data", "a link that takes data with it", _slots, place=_slot_place
)


def head(name: str, says: str, form: Any) -> Logit[Passage]:
    """The encoder's head; it is not asked of what it can't read."""

    def ask(passage: Passage) -> list[str]:
        return [form(passage)] if passage.is_read else []

    return Logit("head", says, name, ask)
