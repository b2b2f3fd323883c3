"""How an answer stands to what was told before it: asks for it again, states another value, goes
back to one that was replaced, names what nobody has named."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

from classify.models.windows import sentences
from classify.models.words import stems
from classify.signals.told import Said, kinds, of_text, told

#: Sentences that offer, change or ask back say new values, and may.
_OFFERS = re.compile(
    r"\b(?:instead|another|other|different|alternative\w*|available|options?|how about|what about"
    r"|recommend\w*|suggest\w*|there (?:is|are)|i (?:have )?(?:found|see|saw)|we have|next|nearest"
    r"|closest|also|or|would you (?:like|prefer)|unfortunately|sorry|no longer|not|from|until"
    r"|costs?|price|fee|rating|opens?|closes?|leav(?:es?|ing)|arriv(?:es?|ing)|depart(?:s|ing)?|takes|lasts|e\.g"
    r"|for example)\b",
    re.I,
)
#: What the user wanted can't be had: other values follow.
_UNAVAILABLE = re.compile(
    r"(?i)\b(?:sorry|unavailable|not available|nothing|choose|pick|select"
    r"|(?:can|could)(?: only)? (?:get|make|do|book|offer)|how about|no longer"
    r"|(?:are|is) no|booked (?:up|out)|sold out|full|offer\w*|options?)\b"
)
_TO_CHANGE = re.compile(
    r"\b(?:confirm|verify|correct|change|new|another|other|different|update|instead|again\?|right\?"
    r"|alternative|return|second|last|middle|company|else)\b",
    re.I,
)
#: The user's own matter as the assistant has understood it.
_HELD = re.compile(
    r"\b(?:confirm\w*|to recap|to sum up|summary|so (?:that's|you|it's)|you(?:'d| would| want| need"
    r"| asked| said| told| mentioned|'re| are| have)?|your|i(?:'ve| have)? (?:booked|reserved|added"
    r"|ordered|sent|opened|changed|edited|scheduled|set|made|checked|found it)|booked|reserved"
    r"|reservation|booking|appointment|as you)\b",
    re.I,
)
_UPDATES = re.compile(
    r"\b(?:actually|instead|rather|chang\w+|make (?:it|that)|switch\w*|moved?|no,|not the|wrong one"
    r"|oops|sorry|correction|better now|now it|update\w*|the other|replac\w+|correct\w*)\b",
    re.I,
)
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z][\w'’-]{2,30}\b")
_CHECKS = re.compile(r"(?i)\bconfirm(?:ing)?\b|\brecap\b|correct\?|right\?")
_DONE = re.compile(
    r"(?i)\b(?:booked|reserved|scheduled|confirmed|ordered|purchased|set for|see you"
    r"|i(?:'ve| have) (?:made|put|got|added|changed|set|opened|sent|planned)"
    r"|your (?:\w+ )?(?:table|room|reservation|booking|appointment|seat|tickets?|order|flight"
    r"|stay|plan|party|group)|as you (?:like|said|asked|need|want)"
    r"|you (?:have|are in|asked|wanted))\b"
)
_QUESTION = re.compile(r"\?")
_ASKS = re.compile(
    r"\?|^(?:please |kindly )?(?:tell|give|send|provide|share|enter|state|specify|let me know"
    r"|i need|i(?:'ll| will) need)\b",
    re.I,
)
_SHORT = re.compile(r"\b[A-Z]{2,4}\b")
_WAY = re.compile(
    r"(?i)\b(?:depart\w*|leav\w*|from|going|destination|fly\w*|headed|travel\w*|return\w*|origin"
    r"|pick\w*|drop\w*|check\w* ?(?:in|out)|till|until|up to|back|arriv\w*|start\w*|end\w*)\b"
)
#: The end of a stay or a way, which says nothing of its beginning.
_END = re.compile(r"(?i)\b(?:until|till|return\w*|back|arriv\w*|end\w*)\b")
#: What a question is about: what was told of another thing does not answer it.
_THING = re.compile(
    r"(?i)\b(hotels?|guest ?houses?|rooms?|restaurants?|tables?|trains?|bus(?:es)?|taxis?|cabs?"
    r"|cars?|flights?|movies?|films?|concerts?|attractions?|appointments?|meetings?|events?)\b"
)
_TWO_ENDS = frozenset(("place", "day", "weekday", "time"))
_MOST_ANSWER = 4000
#: Values of one kind in a sentence that make it a list.
_LIST = 3
#: Characters of what tools and documents brought that are searched for a value.
_MOST_KNOWN = 60_000


@dataclass(frozen=True)
class Held:
    """An answer, held against a session. ``turns``: (role, text) before it, oldest first, the
    user's question last; ``known``: what tools and documents brought."""

    answer: str
    turns: tuple[tuple[str, str], ...]
    known: str = ""
    where: str = ""

    @property
    def text(self) -> str:
        return self.answer

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The sentences of the answer."""
        return tuple(part.text for part in sentences(self.answer[:_MOST_ANSWER]))

    @cached_property
    def mine(self) -> tuple[str, ...]:
        """The user's turns, without what is as long as a pasted document."""
        return tuple(text for role, text in self.turns if role == "user" and len(text) <= 2000)

    @cached_property
    def told(self) -> dict[str, list[Said]]:
        """What they say, by kind."""
        return told(self.mine)

    @cached_property
    def everything(self) -> str:
        """All that was said and brought before the answer, lower case."""
        said = "\n".join(text for _, text in self.turns)
        return f"{said}\n{self.known}"[-_MOST_KNOWN:].lower()

    @cached_property
    def initials(self) -> frozenset[str]:
        """First letters of abbreviations in the session: NYC may be New York."""
        said = "\n".join(text for _, text in self.turns)
        return frozenset(each[0].lower() for each in _SHORT.findall(said))

    @cached_property
    def values_before(self) -> dict[str, set[str]]:
        """Values of each kind in everything that was said and brought."""
        found: dict[str, set[str]] = {}
        for text in (*(text for _, text in self.turns), self.known[:_MOST_KNOWN]):
            for kind, each in of_text(text).items():
                found.setdefault(kind, set()).update(value for value, *_ in each)
        return found


def asks_again(held: Held) -> tuple[float, str]:
    """1 where the answer asks for what the last turn has told, less for what lies further back;
    the place."""
    worst, place = 0.0, ""
    for part in held.parts:
        if not _ASKS.search(part) or _TO_CHANGE.search(part):
            continue
        for kind in kinds():
            said = held.told.get(kind.name)
            if not said and kind.also is not None:
                said = [
                    Said("", number, turn)
                    for number, turn in enumerate(held.mine)
                    if kind.also.search(turn)
                ]
            if not said or not kind.asked.search(part):
                continue
            # Of several that the answer offers it asks which.
            if of_text(held.answer).get(kind.name):
                continue
            # Whoever has told where to, or until when, has not told where from, or since when.
            if kind.name in _TWO_ENDS and (_WAY.search(part) or _END.search(said[-1].sentence)):
                continue
            if _of_another(part, held.mine[said[-1].turn]):
                continue
            # Of several that were told it may be asked which.
            if len({each.value for each in said}) > 1 and not _UPDATES.search(said[-1].sentence):
                continue
            back = len(held.mine) - 1 - said[-1].turn
            value = max(0.4, 1.0 - 0.15 * back)
            if value > worst:
                worst, place = value, f"{part} (told: {said[-1].sentence})"
    return worst, place


def _of_another(question: str, turn: str) -> bool:
    """Whether the question names a thing and the turn other ones only."""
    asked = {each.lower().rstrip("s") for each in _THING.findall(question)}
    spoken = {each.lower().rstrip("s") for each in _THING.findall(turn)}
    return bool(asked) and not asked & spoken


def other_value(held: Held, found_too: bool = False) -> tuple[float, str]:
    """How many values the answer states of kinds that the user has told one of, which nobody has
    said and nothing has brought before; the place. Only where it speaks of what is settled, unless
    ``found_too``."""
    count, place = 0, ""
    if _UNAVAILABLE.search(held.answer[:_MOST_ANSWER]):
        return 0.0, ""
    for part in held.parts:
        # Elsewhere a new value is what was found, or an offer.
        settled = found_too or _DONE.search(part)
        if not _CHECKS.search(part) and (_OFFERS.search(part) or not settled):
            continue
        for name, values in of_text(part).items():
            said = held.told.get(name)
            if not said or name in ("name", "budget", "phone", "place"):
                continue
            # A list to choose from.
            if len({value for value, *_ in values}) >= _LIST:
                continue
            before = held.values_before.get(name, set())
            new = [value for value, _, denied in values if value not in before and not denied]
            if new and not any(value in held.everything for value in new if len(value) > 2):
                count += len(set(new))
                place = place or f"{part} (told: {said[-1].sentence})"
    return float(min(count, 2)), place


def old_value(held: Held) -> tuple[float, str]:
    """1 where the answer states a value that the user has replaced since; the place."""
    for name, said in held.told.items():
        last = said[-1]
        older = {each.value for each in said if each.turn < last.turn} - {last.value}
        if not older or name == "place" or not _UPDATES.search(held.mine[last.turn]):
            continue
        if name in _TWO_ENDS and _WAY.search(held.mine[last.turn]):
            continue
        for part in held.parts:
            if _QUESTION.search(part) and not _HELD.search(part):
                continue
            stated = {value for value, _, denied in of_text(part).get(name, ()) if not denied}
            if stated & older and last.value not in stated and not _OFFERS.search(part):
                return 1.0, f"{part} (told: {last.sentence})"
    return 0.0, ""


def unknown_names(held: Held) -> tuple[float, str]:
    """How many names the answer takes for the user's matter that were never named; the place."""
    if not held.told:
        return 0.0, ""
    found: set[str] = set()
    place = ""
    for part in held.parts:
        # Elsewhere new names are what an answer is for.
        if not _CHECKS.search(part):
            continue
        new = {
            name
            for name in (each.removesuffix("'s").removesuffix("’s") for each in _NAME.findall(part))
            if name.lower() not in held.everything
            and name.lower() not in _NO_NAMES
            and not name.startswith("I'")
            and name[0].lower() not in held.initials
        }
        if new:
            found |= new
            place = place or part
    return float(min(len(found), 3)), place


_NO_NAMES = frozenset(
    "yes okay sure great thanks thank please perfect monday tuesday wednesday thursday friday "
    "saturday sunday january february march april may june july august september october november "
    "december could would your there here the and for this that what which when where".split()
)


def over_budget(held: Held) -> tuple[float, str]:
    """1 where the answer takes or offers what costs more than the user wants to spend."""
    said = held.told.get("budget")
    if not said or not said[-1].value.isdigit():
        return 0.0, ""
    most = int(said[-1].value)
    for part in held.parts:
        if _BOUNDS.search(part):
            continue
        prices = [int(each.replace(",", "")) for each in _PRICE.findall(part) if len(each) < 10]
        if prices and min(prices) > 1.2 * most:
            return 1.0, f"{part} (told: {said[-1].sentence})"
    return 0.0, ""


_BOUNDS = re.compile(
    r"(?i)\b(?:over|above|more than|beyond|exceeds?|not|but|however|below|under|within|budget)\b"
)
_PRICE = re.compile(r"[$€£]\s?(\d[\d,]{0,9})")


def otherwise(held: Held) -> tuple[float, str]:
    """1 where the answer goes back to a replaced value, ignores the budget or states two values
    that nobody has said, 0.6 for one such, 0.3 where it may have found it; the place. One signal,
    since each alone is rare."""
    worst, place = max(old_value(held), over_budget(held), key=lambda found: found[0])
    if worst:
        return worst, place
    count, place = other_value(held)
    if count:
        return (0.6 if count == 1 else 1.0), place
    count, place = other_value(held, found_too=True)
    return (0.3 if count else 0.0), place


def unsaid(held: Held) -> float:
    """Share of the answer's telling words and numbers that nothing before it has; NaN without any.
    It is little by itself: an answer brings new things. It tells which of two answers that state
    the same kinds of things takes up what was said."""
    mine = frozenset(stems(held.answer[:_MOST_ANSWER]))
    return len(mine - frozenset(stems(held.everything))) / len(mine) if mine else math.nan


def kept(held: Held) -> float:
    """How many kinds the answer states as they were told last; it excuses no value of another."""
    if otherwise(held)[0] >= 0.6:
        return 0.0
    count = 0
    for name, said in held.told.items():
        stated = {value for part in held.parts for value, *_ in of_text(part).get(name, ())}
        count += said[-1].value in stated
    return float(min(count, 3))
