"""Phrases that are enough for a verdict, in any reading of a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from classify.signals import exfiltration, role_tags
from classify.signals.disguise import Reading, readings
from classify.signals.mention import denied, ordered, quoted, spoken_of
from classify.signals.phrases import Match, matches

#: Characters within which one phrase stands beside another.
_BESIDE = 1_200
#: Characters around a phrase that evidence quotes.
_AROUND = 60


@dataclass(slots=True, frozen=True)
class Certain:
    """``what``: the phrase's name, and how it was hidden. ``place``: its words with some around."""

    what: str
    place: str


def certain(name: str, text: str, fetched: bool = False) -> Certain | None:
    """The first phrase of a list that is used, not only spoken of, and enough for a verdict.
    ``fetched``: whether the text is a document or a tool's result."""
    for reading in readings(text):
        found = matches(name, reading.text)
        for match in found:
            if _counts(match, found, fetched) and used(name, reading.text, match):
                return Certain(
                    _told(match.phrase.name, reading), around(reading.text, match.start, match.end)
                )
    return None


#: Phrases that make an order of a mark of the system: what no manual has behind one.
_SYSTEM_WANTS = frozenset(
    ("sends private data away", "wants it kept from the user", "turns off safeguards",
     "stops and starts anew")
)  # fmt: skip


def smuggled(text: str) -> Certain | None:
    """Of a document or a tool's result: an image that takes the conversation with it, or a mark of
    the system that orders what an attacker wants."""
    plain = readings(text)[0].text
    for start, end in exfiltration.certain_slots(plain):
        if not spoken_of(plain, start, end):
            return Certain("an image that takes data with it", around(plain, start, end))
    for mark in role_tags.orders(plain):
        if spoken_of(plain, mark.start, mark.end):
            continue
        for match in matches("prompt_injection", plain[mark.end - 40 : mark.end + 200]):
            if match.phrase.name in _SYSTEM_WANTS:
                return Certain(mark.kind, around(plain, mark.start, mark.end + 40))
    return None


def used(name: str, text: str, match: Match) -> bool:
    """Whether whoever wrote the text means the phrase."""
    if match.phrase.order and not ordered(text, match.start, match.end):
        return False
    if name == "toxicity" and (
        denied(text, match.start, match.end) or quoted(text, match.start, match.end)
    ):
        return False
    return not spoken_of(text, match.start, match.end)


def around(text: str, start: int, end: int) -> str:
    """A place with some words before and after."""
    left = text.rfind(" ", 0, max(0, start - _AROUND)) + 1 if start > _AROUND else 0
    right = text.find(" ", end + _AROUND)
    return text[left : right if right >= 0 else len(text)].strip()


def _counts(match: Match, found: list[Match], fetched: bool) -> bool:
    phrase = match.phrase
    if phrase.only and (phrase.only == "document") != fetched:
        return False
    return phrase.alone or (bool(phrase.beside) and any(_beside(match, found)))


def _beside(match: Match, found: list[Match]) -> Iterator[bool]:
    for other in found:
        if other.phrase.name in match.phrase.beside:
            apart = max(other.start - match.end, match.start - other.end)
            # Not the same words twice.
            yield 0 <= apart <= _BESIDE


def _told(name: str, reading: Reading) -> str:
    return f"{name} ({reading.how})" if reading.how else name
