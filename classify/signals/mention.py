"""Whether a phrase is used or only spoken of: quoted, explained, reported, warned against."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

#: Characters around a phrase in which the reason may stand.
_BESIDE = 160

_QUOTES = re.compile(r"``|[\"“”«»„`]|(?<!\w)['‘’]|['‘’](?!\w)|「|」|『|』")
#: A field of JSON with the beginning of its text, which is no quotation.
_FIELD = re.compile(r"\\?\"[\w .-]{1,40}\\?\"\s?:\s?\\?\"")


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")

    about: list[str]
    denied: list[str]
    leads_in: str


_WORDS = _Words.model_validate(
    yaml.safe_load(Path(__file__).with_name("mention.yaml").read_text("utf-8"))
)
_ABOUT = re.compile(rf"(?<![\w.@])(?:{'|'.join(_WORDS.about)})(?!\w)")
_DENIED = re.compile(rf"(?<!\w)(?:{'|'.join(_WORDS.denied)})(?!\w)")
_LEADS_IN = frozenset(_WORDS.leads_in.split())
#: What follows a statement that is spoken of.
_CONDEMNED = re.compile(
    r"[\W_]{0,4}(?:is|was|are|were|isn't|aren't) (?:not |just |simply |really |so )?(?:an? |the )?"
    r"(?:\w+ )?(?:insult|slur|threat|offensive|derogatory|hateful|hurtful|wrong|not ok|"
    r"acceptable|lie|myth|against)"
)
_SENTENCE = re.compile(r"[.!?\n]")


def quoted(text: str, start: int, end: int) -> bool:
    """Whether it stands between quotation marks or in code, on its line."""
    line_start = text.rfind("\n", max(0, start - 400), start) + 1 or max(0, start - 400)
    stop = text.find("\n", end, end + 400)
    line_end = stop if stop >= 0 else min(len(text), end + 400)
    before = len(_QUOTES.findall(_FIELD.sub("", text[line_start:start])))
    after = len(_QUOTES.findall(text[end:line_end]))
    return before % 2 == 1 and after >= 1


def spoken_of(text: str, start: int, end: int) -> bool:
    """Whether it is only mentioned: between quotation marks beside words about it, or in a passage
    that is plainly about such phrases. One who attacks may pretend to mention; so it weighs against
    a phrase, and does not excuse what else the text says."""
    beside = text[max(0, start - _BESIDE) : start].lower()
    after = text[end : end + _BESIDE].lower()
    # Quoted for somebody to judge, translate or explain, or as what somebody else said.
    about = len(_ABOUT.findall(beside)) + len(_ABOUT.findall(after))
    if quoted(text, start, end):
        return about >= 1
    return about >= 3


_BEFORE = re.compile(r"[\w'’]+(?=[^\w.!?:;\n\"“”()\[\]{}<>#*|-]*$)")
_MODAL = frozenset("must should will can could shall would need have to".split())
_WHOSE = frozenset("you i we assistant ai model".split())
_OF_A_THING = re.compile(
    r"[\w ]{0,14}(?:about|regarding|concerning|for (?:assembl\w+|tests?)|"
    r"in (?:the|my|your) (?:attachment|manual|letter|e-?mail|box|booklet|leaflet|recipe)|"
    r"on (?:the|my) (?:box|label|back|package|form|bottle|website)|of (?:a|an) )"
)


def ordered(text: str, start: int, end: int) -> bool:
    """Whether it is an order: nothing before it in its sentence but words that lead in to one, and
    not about the instructions of some thing."""
    before = text[max(0, start - 60) : start].lower().replace("’", "'")
    word = _BEFORE.search(before)
    if word and word.group() not in _LEADS_IN:
        return False
    if word and word.group() in _MODAL:
        owner = _BEFORE.search(before[: word.start()])
        if owner and owner.group() not in _WHOSE | _LEADS_IN:
            return False
    return not _OF_A_THING.match(text[end : end + 40].lower())


def denied(text: str, start: int, end: int) -> bool:
    """Whether the words before it in its sentence turn it round: 'it is wrong to say that …'."""
    before = text[max(0, start - 80) : start].lower()
    cuts = [cut.end() for cut in _SENTENCE.finditer(before)]
    return bool(
        _DENIED.search(before[cuts[-1] if cuts else 0 :])
        or _CONDEMNED.match(text[end : end + 60].lower())
    )
