"""Phrases that tell: declared in phrases/NAME.yaml, each with a name and the reason for it.

A pattern is words with blanks between; case and punctuation between them don't matter.
``{class}`` stands for any of a class's words, ``a|b`` for either, ``a?`` may be missing, ``..3`` is
up to three words of the same sentence. What can't be written in words is a ``regex``, matched
against the lower-cased text. A pattern is only tried on a text that has a word of each part that
may not be missing, so that many patterns cost little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from classify.models.remembered import remembered

FOLDER = Path(__file__).with_name("phrases")
#: The lists there are.
NAMES = ("jailbreak", "prompt_injection", "toxicity", "refusal")

_WORDS = re.compile(r"[\w'’]+")
#: Matches of one pattern in a text that are looked at.
_MOST = 20


class Phrase(BaseModel):
    """One entry.

    ``why``: why nobody says it otherwise, and who does where it is not certain. ``alone``: whether
    it is enough for a verdict; else it is one signal among others. ``beside``: it is enough where
    one of these others is in the text too. ``order``: it counts as an order alone: 'ignore …',
    'please ignore …', not 'the router ignores …'. ``only``: 'document' or 'message', where it tells
    in one of these alone. ``weighs``: whether it is a signal of its own; else it only counts beside
    another.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    why: str
    alone: bool = False
    beside: list[str] = Field(default_factory=list)
    order: bool = False
    only: str = ""
    weighs: bool = True
    patterns: list[str] = Field(default_factory=list)
    regex: list[str] = Field(default_factory=list)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: dict[str, list[str]] = Field(default_factory=dict)
    phrases: list[Phrase]


@dataclass(slots=True, frozen=True)
class Match:
    """A phrase found, and where: characters of the text."""

    phrase: Phrase
    start: int
    end: int


@dataclass(slots=True, frozen=True)
class _Pattern:
    phrase: Phrase
    needs: tuple[frozenset[str], ...]
    regex: re.Pattern[str]


@remembered
def matches(name: str, text: str) -> list[Match]:
    """The phrases of a list that are in the text, by their place in it."""
    lowered = text.lower()
    if len(lowered) != len(text):
        # A few capitals become two characters: places would be wrong.
        lowered = "".join(c if len(c.lower()) > 1 else c.lower() for c in text)
    present = {word.replace("’", "").replace("'", "") for word in _WORDS.findall(lowered)}
    found = []
    for pattern in _patterns(name):
        if any(need.isdisjoint(present) for need in pattern.needs):
            continue
        for number, match in enumerate(pattern.regex.finditer(lowered)):
            if number >= _MOST:
                break
            found.append(Match(pattern.phrase, *match.span()))
    return sorted(found, key=lambda each: (each.start, -each.end))


def phrases(name: str) -> list[Phrase]:
    """All entries of a list."""
    return _file(name).phrases


@lru_cache(maxsize=1)
def vocabulary() -> frozenset[str]:
    """Every word that a pattern is written with."""
    return frozenset(
        word
        for name in NAMES
        for pattern in _patterns(name)
        for need in pattern.needs
        for word in need
        if len(word) > 1
    )


@lru_cache(maxsize=8)
def _file(name: str) -> _File:
    return _File.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8")))


@lru_cache(maxsize=8)
def _patterns(name: str) -> tuple[_Pattern, ...]:
    file = _file(name)
    found: list[_Pattern] = []
    for phrase in file.phrases:
        found += [_compiled(phrase, pattern, file.words) for pattern in phrase.patterns]
        found += [_Pattern(phrase, (), re.compile(regex)) for regex in phrase.regex]
    return tuple(found)


#: Between two words: no letter, and not the end of a sentence.
_GAP = r"[^\w.!?;]{1,6}"
_BETWEEN = r"(?:[^\w]{1,6})"


def _compiled(phrase: Phrase, pattern: str, classes: dict[str, list[str]]) -> _Pattern:
    needs: list[frozenset[str]] = []
    parts: list[str] = []
    for token in pattern.split():
        if token.startswith(".."):
            # Words of the gap, each with what stands after it.
            parts.append(rf"(?:[\w'’-]{{1,30}}{_GAP}){{0,{int(token[2:])}}}?")
            continue
        optional = token.endswith("?")
        choices = list(_choices(token.removesuffix("?"), classes))
        body = "|".join(sorted(map(_literal, choices), key=len, reverse=True))
        parts.append(rf"(?:(?:{body}){_BETWEEN}){'?' if optional else ''}")
        if not optional:
            needs.append(frozenset(_plain(re.split(r"[\s-]", choice)[0]) for choice in choices))
    whole = "".join(parts)
    # After the last word nothing has to follow.
    assert not pattern.split()[-1].endswith("?"), f"{phrase.name}: the last word may not be missing"
    whole = whole.removesuffix(f"{_BETWEEN})") + r"(?!\w))"
    return _Pattern(phrase, tuple(needs), re.compile(rf"(?<!\w){whole}"))


def _choices(token: str, classes: dict[str, list[str]]) -> Iterator[str]:
    for each in token.split("|"):
        if each.startswith("{"):
            yield from classes[each.strip("{}")]
        else:
            yield each


def _literal(choice: str) -> str:
    words = [re.escape(word).replace("'", "['’]?") for word in choice.lower().split()]
    return _BETWEEN.join(words).replace(r"\-", r"[-\s]?")


def _plain(word: str) -> str:
    return word.lower().replace("'", "")
