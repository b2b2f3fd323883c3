"""What a user said and an answer has plainly forgotten: offers of what they can't or won't have,
and questions for what they have told.

Read without a model, and only where it is plain: the user spoke of themselves, the answer offers
the very thing, in a sentence that takes nothing back; or it asks for a detail that an earlier turn
holds, and not to confirm or change it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from classify.models.windows import sentences

_THING = r"(?:any |the |all )?(?P<thing>[a-z][\w'’-]*(?: [a-z][\w'’-]*){0,2}?)"
_END = (
    r"(?=\s*(?:[,.;:!?()]|$|\b(?:and|or|so|but|because|since|please|in|at|for|when|if|as|on|to|with"
    r"|anymore|any more|due|that|which|who|myself|today|tonight)\b))"
)
_REFUSALS = re.compile(
    r"(?:"
    r"\b(?:i am|i['’]m|we are|we['’]re|my \w+ is)(?: \w+ly)? (?:allergic|intolerant) to "
    r"|\b(?:i|we|my \w+) (?:can['’]?t|cannot|can not|must not|mustn['’]t|may not|don['’]t|do not"
    r"|doesn['’]t|won['’]t|will not|never) (?:eat|have|drink|wear|tolerate|stand|touch) "
    r"|\b(?:never|don['’]t|do not) (?:suggest|recommend|offer|propose|serve)(?: me| us)? "
    r"|\bplease no "
    r")" + _THING + _END,
    re.I,
)
#: Things that a user can't have, of which an answer is searched: people name a few.
_MOST_REFUSED = 30
#: Too little of a thing to look for it.
_NO_THING = frozenset(
    "it that this them these those one ones any anything something everything nothing much more"
    " many time idea money things stuff what which me you us him her my your a an the to be there"
    " all down up off out enough clue problem problems".split()
)
#: A word that is also an adverb counts where it names a thing.
_NAMED = re.compile(r"\ballergic to down\b", re.I)
_OFFER = re.compile(
    r"\b(?:i (?:\w+ )?(?:recommend|suggest|propose)|i['’]d (?:recommend|suggest|go|get|pick)"
    r"|i would (?:recommend|suggest|go|get|pick)|my (?:recommendation|suggestion) is"
    r"|how about|what about|why not|you (?:could|can|should|might) (?:\w+ )?(?:have|eat|drink|use"
    r"|wear|take|get|try|order|cook|buy)|i(?:['’]ve| have)? (?:booked|ordered|added|chosen|chose"
    r"|picked)|try (?:our|the|a|some|this))\b",
    re.I,
)
_TAKEN_BACK = re.compile(
    r"\b(?:not|no|never|without|free|avoid\w*|instead|except|allerg\w*|unlike|rather|unless|if"
    r"|substitute\w*|replac\w*|alternative\w*|vegan|synthetic)\b|n['’]t\b",
    re.I,
)
_ASKS = (
    r"(?:\b(?:what|which) (?:is|was|are|were)|\bwhat['’]s"
    r"|\b(?:could|can|would|will) you(?: please)?"
    r" (?:give|tell|send|share|provide)|\bplease (?:give|tell|send|share|provide|enter|state)"
    r"|\b(?:may|can|could) i (?:have|get|know|ask)|\bi(?:['’]ll| will)? need|\blet me know)"
    r"[^.?!]{0,40}?\byour (?:\w+ )?"
)
_VALUE = r"(?: is| was|:)? ?(?P<value>"
#: What is asked for, and how it was told before.
_DETAILS = tuple(
    (re.compile(_ASKS + asked, re.I), re.compile(told, re.I))
    for asked, told in (
        (
            r"order (?:number|no\b|id)",
            r"\border (?:number |no\.? |id |#)?(?:is )?(?P<value>[a-z]{0,4}-?\d{3,}\w*)",
        ),
        (
            r"e-?mail",
            r"(?<![\w.+-])(?P<value>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})",
        ),
        (r"(?:phone|telephone|mobile)(?: number)?\b", r"(?P<value>\+?\d[\d ()/-]{6,}\d)"),
        (
            r"(?:booking|reservation|confirmation) (?:number|reference|code|id)",
            r"\b(?:booking|reservation|confirmation) (?:number|reference|code|id)"
            rf"{_VALUE}[a-z0-9-]*\d[a-z0-9-]*)",
        ),
        (r"name\b", r"\b(?:my name is|my name['’]s|call me) (?P<value>[a-z][\w'’-]+)"),
        (
            r"(?:post ?code|zip(?: code)?)\b",
            rf"\b(?:my|our|the) (?:post ?code|zip(?: code)?){_VALUE}[\w-]*\d[\w -]*)",
        ),
    )
)
_TO_CHECK = re.compile(
    r"\b(?:confirm|verify|again|correct|check|new|another|other|different|change|update|right|full"
    r"|last|second|middle|company|nickname)\w*\b",
    re.I,
)


@dataclass(slots=True, frozen=True)
class Finding:
    """``label``: open where the user said nothing that can be held against an answer. ``told``:
    what they said, ``answer``: the sentence that has forgotten it; '' unless it fails."""

    label: Literal["open", "pass", "fail"]
    told: str = ""
    answer: str = ""


def check(turns: Sequence[str], answer: str) -> Finding:
    """The first plain case. ``turns``: the user's, oldest first, the one that is answered too."""
    parts = [part.text for part in sentences(answer)]
    label: Literal["open", "pass"] = "open"
    offers = [part for part in parts if _OFFER.search(part) and not _TAKEN_BACK.search(part)]
    for turn, at, word in islice(_refused(turns), _MOST_REFUSED):
        label = "pass"
        for part in offers:
            if word.search(part):
                return Finding("fail", _around(turn, at), part)
    for asks, tells in _DETAILS:
        values = [(turn, match) for turn in turns for match in tells.finditer(turn)]
        # Of several it may be asked which.
        if len({match["value"].lower() for _, match in values}) != 1:
            continue
        label = "pass"
        for part in parts:
            if asks.search(part) and not _TO_CHECK.search(part):
                turn, match = values[-1]
                return Finding("fail", _around(turn, match.start()), part)
    return Finding(label)


def _refused(turns: Sequence[str]) -> Iterator[tuple[str, int, re.Pattern[str]]]:
    """Where the user said what they can't or won't have, and how it is found in an answer."""
    looked_at: set[str] = set()
    for at, turn in enumerate(turns):
        for refusal in _REFUSALS.finditer(turn):
            thing = refusal["thing"].lower()
            if thing in looked_at or len(looked_at) >= _MOST_REFUSED:
                continue
            looked_at.add(thing)
            plain = thing.split()[-1] not in _NO_THING or _NAMED.search(refusal[0])
            one = re.escape(thing.removesuffix("s"))
            word = re.compile(rf"\b{one}(?:s|es)?\b", re.I)
            # Whoever asks for it later has changed their mind.
            if plain and len(thing) > 2 and not any(map(word.search, turns[at + 1 :])):
                yield turn, refusal.start(), word


def _around(turn: str, at: int) -> str:
    """The sentence of the turn that holds the place."""
    for part in sentences(turn):
        if part.start <= at < part.start + len(part.text):
            return part.text
    return turn.strip()
