"""Whether the sentence of the sources that says nearly the same as a claim says otherwise.

Only where the two share nearly all their words can a word that differs be held against the claim: a
denial, an antonym, a number, a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from classify.models.words import EMPTY, stem, words
from classify.signals import numerals
from classify.signals.grounds import Grounds, Sentence, content, names
from classify.signals.novelty import strange_names, strange_numbers

Kind = Literal["denied", "opposite", "number", "name"]

#: Share of a claim's telling words that the sentence must have, those that differ aside.
_ALIKE = 0.75
#: Of the sentence's words, where the whole of it must be the same statement.
_ALIKE_BACK = 0.6
#: Words that must be shared.
_SHARED = 2
_DENIALS = frozenset("not no never none nobody nothing neither nor cannot".split())
_DENIED = 0.8
#: What makes a denial say something else: 'not only', 'no later than', 'if not'.
_NO_DENIAL = re.compile(
    r"\b(?:not only|not just|no later|no more than|no less|not later|not more|not less|if not"
    r"|or not|whether|unless|except|until|no longer than|nothing but|not until)\b",
    re.I,
)
_AFTER = re.compile(r"[\s-]{0,3}([^\W\d_]{1,30}|%)")
_HEDGE = re.compile(
    r"(?:about|around|over|than|least|most|up to|nearly|almost|roughly|approximately|[~≈<>])\W*$"
)
#: '[No,] it is': an answer to a question, no denial of the sentence.
_NO = re.compile(r"^\W{0,3}no(?:[,.!–-]| (?=[A-Z])| or\b)", re.I)
#: A time of day. Seconds make it a duration or a stamp.
_TIME = re.compile(r"(?<![\d:.-])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])\s?([ap]\.?m)?", re.I)
#: A number from here up is told for itself, without what it counts.
_MANY = 10_000
_CLAUSE = re.compile(
    r"[,;:()]| - | – | — |\b(?:but|while|although|though|because|since|and|which)\b", re.I
)


@dataclass(slots=True, frozen=True)
class Contradiction:
    """``said``: what the claim says; ``there``: what the sentence says in its place."""

    kind: Kind
    said: str
    there: str
    sentence: Sentence


def contradiction(claim: str, grounds: Grounds) -> Contradiction | None:
    """The plainest one, None where there is none."""
    stems = content(claim)
    if len(stems) < _SHARED or " ".join(claim.lower().split()).strip(".!") in grounds.text:
        return None
    sentence = grounds.nearest(stems)
    if sentence is None:
        return None
    return (
        _other_time(claim, stems, sentence, grounds)
        or _other_number(claim, stems, sentence, grounds)
        or _other_name(claim, stems, sentence, grounds)
        or _denied(claim, stems, sentence)
        or _opposite(claim, stems, sentence)
    )


def _other_number(
    claim: str, stems: frozenset[str], sentence: Sentence, grounds: Grounds
) -> Contradiction | None:
    strange = strange_numbers(claim, grounds)
    if len(strange) != 1 or not _says_the_same(stems, sentence):
        return None
    value, start, end = strange[0]
    counted = _counted(claim, value, end)
    known = numerals.values(claim)
    there = [
        (at, stop)
        for each, at, stop in numerals.numerals(sentence.text)
        if each not in known and _counted(sentence.text, each, stop) == counted
    ]
    if len(there) != 1 or not counted or _hedged(claim, start):
        return None
    at, stop = there[0]
    if _hedged(sentence.text, at):
        return None
    return Contradiction("number", claim[start:end], sentence.text[at:stop], sentence)


def _other_time(
    claim: str, stems: frozenset[str], sentence: Sentence, grounds: Grounds
) -> Contradiction | None:
    said = _TIME.findall(claim)
    there = _TIME.findall(sentence.text)
    if len(said) != 1 or len(there) != 1 or len(stems & sentence.stems) < _SHARED:
        return None
    hour, minute, _ = said[0]
    known = {
        (int(h) % 12, m)
        for text in (*grounds.told, *grounds.said)
        for h, m, _ in _TIME.findall(text)
    }
    if (int(hour) % 12, minute) in known:
        return None
    return Contradiction("number", f"{hour}:{minute}", ":".join(there[0][:2]), sentence)


def _other_name(
    claim: str, stems: frozenset[str], sentence: Sentence, grounds: Grounds
) -> Contradiction | None:
    strange = strange_names(claim, grounds)
    if not 1 <= len(strange) <= 3:
        return None
    new = frozenset(stem(word) for name in strange for word in words(name))
    rest = stems - new
    if len(rest) < _SHARED or not rest <= sentence.stems:
        return None
    said = {word for name in names(claim) for word in words(name)}
    others = [
        name
        for name in names(sentence.text)
        if name.lower() not in numerals.MONTHS
        and not set(words(name)) <= said
        and not frozenset(map(stem, words(name))) <= stems
    ]
    if not others or len(sentence.stems - stems) > 3:
        return None
    if any(_akin(mine, other) for mine in strange for other in others):
        return None
    return Contradiction("name", strange[0], others[0], sentence)


def _denied(claim: str, stems: frozenset[str], sentence: Sentence) -> Contradiction | None:
    if _NO_DENIAL.search(claim) or not _says_the_same(stems, sentence, _DENIED):
        return None
    if " ".join(sentence.text.lower().split()).strip(" .!") in " ".join(claim.lower().split()):
        return None
    part = _part(sentence.text, stems)
    here = _denials(_NO.sub("", claim, count=1))
    if _NO_DENIAL.search(sentence.text) or not _same_back(stems, part, _DENIED):
        return None
    # Of a sentence with a clause that denies, the claim may be about the other.
    there = _denials(sentence.text if here else part)
    if (len(here), len(there)) not in ((1, 0), (0, 1)):
        return None
    return Contradiction("denied", "".join(here), "".join(there), sentence)


def _opposite(claim: str, stems: frozenset[str], sentence: Sentence) -> Contradiction | None:
    part = _part(sentence.text, stems)
    there_words = set(words(part))
    here_words = set(words(claim))
    whole = {stem(word) for word in words(sentence.text)}
    if _denials(claim) or _denials(part):
        return None
    for sides in _antonyms():
        for word in sorted(here_words - there_words):
            mine = sides.get(stem(word))
            if mine is None or stem(word) in whole:
                continue
            for other in sorted(there_words - here_words):
                theirs = sides.get(stem(other))
                if theirs is None or theirs == mine:
                    continue
                rest = stems - {stem(word)}
                # Of three sides and more (the days of a week) each is plain.
                least = _SHARED if len(set(sides.values())) == 2 else 1
                if len(rest) >= least and rest <= sentence.stems and _same_back(rest, part):
                    return Contradiction("opposite", word, other, sentence)
    return None


def _says_the_same(stems: frozenset[str], sentence: Sentence, share: float = _ALIKE) -> bool:
    shared = len(stems & sentence.stems)
    return shared >= _SHARED and shared >= share * len(stems)


def _same_back(stems: frozenset[str], part: str, share: float = _ALIKE_BACK) -> bool:
    there = content(part)
    return len(there & stems) >= share * len(there)


def _akin(one: str, other: str) -> bool:
    """'Jamaican' and 'Jamaica', 'LA' and 'Los Angeles'."""
    short = min(len(one), len(other)) <= 3
    one, other = one.lower(), other.lower()
    return one[: 1 if short else 3] == other[: 1 if short else 3] or one in other or other in one


def _part(text: str, stems: frozenset[str]) -> str:
    """The clause of a sentence that has most of the stems; the sentence where none has most."""
    clauses = [each for each in _CLAUSE.split(text) if each.strip()]
    if len(clauses) < 2:
        return text
    best = max(clauses, key=lambda each: len(content(each) & stems))
    shared = len(content(text) & stems)
    return best if len(content(best) & stems) >= shared else text


def _denials(text: str) -> list[str]:
    return [word for word in words(text) if word in _DENIALS or word.endswith(("n't", "n’t"))]


def _counted(text: str, value: float, end: int) -> str:
    """What a number counts: the stem of the word after it, 'year', 'many' for 67 million alone; ''
    where it is not plain."""
    found = _AFTER.match(text, end)
    word = stem(found[1].lower()) if found else ""
    if word and word not in EMPTY:
        return word
    if value == int(value) and 1000 <= value <= 2100:
        return "year"
    return "many" if value >= _MANY else ""


def _hedged(text: str, start: int) -> bool:
    return bool(_HEDGE.search(text[max(0, start - 16) : start].lower()))


@cache
def _antonyms() -> list[dict[str, int]]:
    """Of each entry: stem to the side it is on."""
    entries = yaml.safe_load(Path(__file__).with_name("antonyms.yaml").read_text(encoding="utf-8"))
    return [
        {stem(word): side for side, text in enumerate(entry) for word in text.split()}
        for entry in entries
    ]
