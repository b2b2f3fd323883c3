"""An instruction that can be checked, read from a sentence of a prompt."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from classify.models.number_words import COUNTED

_NUMBERS = COUNTED | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
    "once": 1,
    "twice": 2,
    "thrice": 3,
}
#: A number, as a group without a name.
NUMBER = rf"(\d{{1,3}}(?:,\d{{3}})|\d{{1,5}}|{'|'.join(_NUMBERS)})"
AT_MOST = (
    r"(?:at (?:the )?most|no more than|not more than|(?:a )?maximum(?: of)?|max\.?(?: of)?|up to"
    r"|limit(?:ed)?(?: \w+){0,3} to|within|not exceed(?:ing)?|less than or equal to|≤|<=)"
)
UNDER = r"(?:fewer than|less than|under|below|<)"
AT_LEAST = (
    r"(?:at least|no fewer than|no less than|not less than|(?:a )?minimum(?: of)?|min\.?(?: of)?"
    r"|≥|>=)"
)
OVER = r"(?:more than|over|exceeding|above|>)"


@dataclass(slots=True, frozen=True)
class Check:
    """``kind``: of instruction, one of rules.KINDS. ``instruction``: the words that ask for it.
    ``wrong``: of an output '' where it was kept, else what the output did. ``partial``: whether a
    step that also calls tools, and so has not said its last word, must keep it as well."""

    kind: str
    instruction: str
    wrong: Callable[[str], str]
    partial: bool = False


def number(text: str) -> int:
    """'12', '1,200' or 'twelve'."""
    plain = text.replace(",", "").lower()
    return int(plain) if plain.isdigit() else _NUMBERS[plain]


@dataclass(slots=True, frozen=True)
class Range:
    """How many were asked for, both ends included."""

    least: int = 0
    most: int = 10**9
    said: str = ""

    def wrong(self, lowest: int, highest: int, slack: int = 0) -> bool:
        """Whether no way of counting, between ``lowest`` and ``highest``, keeps it."""
        return highest + slack < self.least or lowest - slack > self.most


_BETWEEN = re.compile(
    rf"\bbetween {NUMBER} and {NUMBER}\s*$|\b{NUMBER}\s?(?:-|–|to)\s?{NUMBER}\s*$", re.I
)
_EITHER = re.compile(rf"\b{NUMBER} or {NUMBER}\s*$", re.I)
_BEFORE = (
    (re.compile(rf"{AT_MOST}\s+(?:exactly\s+)?{NUMBER}\s*$", re.I), "at most", 0),
    (re.compile(rf"{UNDER}\s+{NUMBER}\s*$", re.I), "at most", -1),
    (re.compile(rf"{AT_LEAST}\s+{NUMBER}\s*$", re.I), "at least", 0),
    (re.compile(rf"{OVER}\s+{NUMBER}\s*$", re.I), "at least", 1),
    (re.compile(rf"\b{NUMBER}\s?\+\s*$", re.I), "at least", 0),
    (re.compile(rf"\b{NUMBER}\s+or\s+more\s*$", re.I), "at least", 0),
    (re.compile(rf"\b{NUMBER}\s+or\s+(?:fewer|less)\s*$", re.I), "at most", 0),
    (re.compile(rf"\b(?:exactly|only|precisely|just)\s+{NUMBER}\s*$", re.I), "exactly", 0),
)
_EXACT = re.compile(rf"\b{NUMBER}\s*-?\s*$", re.I)
_AFTER = (
    (
        re.compile(r"^\s*(?:or (?:more|longer)|minimum|at (?:the )?least|and more|plus)\b", re.I),
        "at least",
    ),
    (
        re.compile(
            r"^\s*(?:or (?:fewer|less|shorter|under)|maximum|max\b|at (?:the )?most|limit)\b", re.I
        ),
        "at most",
    ),
)


def range_before(text: str, after: str, *, exact: bool) -> Range | None:
    """What the end of ``text`` says of how many of what follows: 'use at most 3 ' is (0, 3).
    ``after``: what stands behind the thing that is counted: 'words or fewer'. ``exact``: whether a
    bare number counts."""
    text = text[-80:]
    either = _EITHER.search(text)
    if either is not None:
        low, high = sorted((number(either[1]), number(either[2])))
        return Range(low, high, f"{low} or {high}")
    between = _BETWEEN.search(text)
    if between is not None:
        low, high = (number(each) for each in between.groups() if each is not None)
        return Range(low, high, f"{low} to {high}") if low <= high else None
    for pattern, word, step in _BEFORE:
        found = pattern.search(text)
        if found is not None:
            if re.match(r"\s*,? or (?:fewer|more|less)\b", after, re.I) and "or" not in found[0]:
                return None
            count = number(found[1])
            if word == "at most":
                return Range(0, count + step, f"at most {count + step}")
            if word == "at least":
                return Range(count + step, said=f"at least {count + step}")
            return Range(count, count, f"exactly {count}")
    found = _EXACT.search(text)
    if found is None:
        return None
    count = number(found[1])
    for pattern, word in _AFTER:
        if pattern.search(after):
            if word == "at most":
                return Range(0, count, f"at most {count}")
            return Range(count, said=f"at least {count}")
    return Range(count, count, f"exactly {count}") if exact else None


#: Behind a 'once' that counts stands no clause: 'mention it once in …', not 'once you are done'.
_ONCE = re.compile(
    r"\b(?:(at least|at most|more than|exactly|only|no more than) )?"
    r"(?:(twice|thrice)|(once)(?=\s*(?:$|[^\w\s]|\b(?:in|at|per|or|and|for|within|throughout"
    r"|somewhere|anywhere|every|each|during|before|after|only|as|on|to|with|by|across)\b)))"
    r"\b(?: or (more|less))?",
    re.I,
)


def times(text: str) -> Range | None:
    """'at least 3 times', 'twice', '10 or more times', 'only once'; not 'once you are done'."""
    found = re.search(r"\b(?:times?)\b", text, re.I)
    if found is not None:
        return range_before(text[: found.start()], text[found.end() :][:40], exact=True)
    found = _ONCE.search(text)
    if found is None:
        return None
    count = number(found[2] or found[3])
    word = (found[1] or "").lower()
    if word == "at least" or (found[4] or "").lower() == "more":
        return Range(count, said=f"at least {count}")
    if word in ("at most", "no more than") or found[4]:
        return Range(0, count, f"at most {count}")
    if word == "more than":
        return Range(count + 1, said=f"more than {count}")
    return Range(count, count, f"exactly {count}")
