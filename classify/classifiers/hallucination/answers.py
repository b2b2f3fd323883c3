"""The claims of an answer that are weighed, each with what it can rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import orjson
import yaml

from classify.models.claims import claims
from classify.signals import identifiers, novelty, numerals
from classify.signals.grounds import Grounds, content

#: Telling words of a JSON value that states something: fewer are a label.
_FEWEST = 2
#: Characters of an answer that is no sentence.
_SHORT = 60
_YES_OR_NO = content("yes no ok okay sure true false done correct hello hi thanks none")
_SIGNALS = Path(__file__).parents[2] / "signals"
_BUT = re.compile(r"\b(?:but|however|though|although)\b,?\s*(?:i (?:do )?know (?:that )?)?", re.I)
#: A run of blanks is looked at once, from its first.
_TAG = re.compile(
    r"(?<!\s)\s*+\[(?:sources?|doc(?:ument)?s?|refs?|citations?)\b[^\]\n]{0,200}\]", re.I
)
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.S)
#: Values of an answer that is JSON.
_MOST_VALUES = 24


@dataclass(frozen=True, slots=True)
class Claimed:
    """``text``: as the answer says it. ``told``: with its heading."""

    text: str
    told: str
    grounds: Grounds
    answer: str
    where: str = ""


def plain(answer: str) -> str:
    """Without what the model thought aloud, and marks of sources."""
    if "<" in answer:
        answer = _THINKING.sub("", answer)
    return _TAG.sub("", answer)


def claimed(answer: str, grounds: Grounds, acts: bool = False) -> list[Claimed]:
    """What states something of the world, and not that the sources do not say. ``acts``: whether
    the assistant can do something, so that what it says of itself is not for its sources to say."""
    text = plain(answer)
    if text.lstrip()[:1] in ("{", "["):
        return [Claimed(value, value, grounds, text) for value in _values(text)]
    found = []
    for claim in claims(text):
        said = stated(claim.text, acts)
        if content(said):
            told = f"{claim.subject}: {said}" if claim.subject else said
            found.append(Claimed(said, told, grounds, text))
    short = text.strip()
    if found or not 0 < len(short) <= _SHORT or "```" in short or not stated(short):
        return found
    # A name or a number, as the whole answer.
    says = content(short) - _YES_OR_NO or numerals.numerals(short)
    return [Claimed(short, short, grounds, text)] if says else []


def stated(sentence: str, acts: bool = True) -> str:
    """What a sentence states: '' where it says that nothing is known, or (``acts``) what the
    assistant does; 'it opened in 1990' of "I'm not sure, but it opened in 1990"."""
    says, courtesies, does = _patterns()
    if not says.search(sentence):
        nothing = courtesies.match(sentence) or (acts and does.match(sentence))
        return "" if nothing else sentence
    rest = _BUT.split(sentence, maxsplit=1)
    if len(rest) < 2 or says.search(rest[1]) or len(content(rest[1])) < _FEWEST:
        return ""
    return stated(rest[1], acts)


def specific(claim: Claimed) -> bool:
    """Whether it has a number, a name or a symbol that nothing has: all that the result of a tool
    can be held to. What the assistant did, and what follows from it, no result says."""
    return bool(
        novelty.strange_numbers(claim.told, claim.grounds)
        or novelty.strange_names(claim.told, claim.grounds)
        or identifiers.new_symbols(claim.told, claim.grounds)
    )


def _values(text: str) -> list[str]:
    """The texts of several words in a JSON answer; [] where it is not JSON."""
    found: list[str] = []
    try:
        waiting = [orjson.loads(text)]
    except orjson.JSONDecodeError:
        return []
    while waiting and len(found) < _MOST_VALUES:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += list(value.values())[::-1]
        elif isinstance(value, list):
            waiting += value[::-1]
        elif isinstance(value, str) and len(content(value)) > _FEWEST:
            found.append(value)
    return found


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """says, courtesies, acts."""
    held = yaml.safe_load((_SIGNALS / "no_answer.yaml").read_text(encoding="utf-8"))
    return (
        re.compile("|".join(held["says"]), re.I),
        re.compile(r"\W{0,4}(?:" + "|".join(held["courtesies"]) + ")", re.I),
        re.compile(r"\W{0,4}(?:" + "|".join(held["acts"]) + ")", re.I),
    )
