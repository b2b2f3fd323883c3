"""Figures of an answer that its context contradicts: amounts of money, durations, shares, measures.

Read without a model, and only where it is plain: the context speaks of the same thing in the same
unit, and the answer's figure is neither in it nor follows from it. What is hedged ("about", "more
than"), rounded, a sum or a conversion is left alone: a missed failure is cheaper than a false
alarm.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from classify.models.claims import split
from classify.models.number_words import COUNTED
from classify.models.remembered import remembered
from classify.models.words import stem, stems

_WORDS = COUNTED | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "ninety": 90,
    "hundred": 100,
}
# A number has a length: else each digit of a long run would be tried as the start of one.
_NUMBER = (
    r"(?<!\d)\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,9})?|(?<!\d)\d{1,15}(?:[.,]\d{1,9})?"
    rf"|\b(?:{'|'.join(_WORDS)})\b"
)
#: Spelling to (dimension, how many of the dimension's unit).
_UNITS: dict[str, tuple[str, float]] = {
    spelling: (dimension, factor)
    for dimension, factor, spellings in (
        ("EUR", 1, "eur euro euros €"),
        ("USD", 1, "usd dollar dollars $"),
        ("GBP", 1, "gbp pounds £"),
        ("%", 1, "% percent"),
        ("month", 12, "year years"),
        ("month", 1, "month months"),
        ("minute", 10080, "week weeks"),
        ("minute", 1440, "day days"),
        ("minute", 60, "hour hours"),
        ("minute", 1, "minute minutes"),
        ("kg", 1, "kg kilogram kilograms"),
        ("km", 1, "km kilometre kilometres kilometer kilometers"),
        ("cm", 1, "cm centimetre centimetres centimeter centimeters"),
        ("mile", 1, "mile miles"),
        ("point", 1, "point points"),
        ("GB", 1, "gb gigabyte gigabytes"),
    )
    for spelling in spellings.split()
}
#: Of it there may be several: three at 5 EUR each.
_MONEY = ("EUR", "USD", "GBP")
_SIGNS = "".join(sign for sign in _UNITS if not sign.isalnum() and sign != "%")
_UNIT = "|".join(sorted((re.escape(u) for u in _UNITS if u.isalpha()), key=len, reverse=True))
_BETWEEN = r"(?:working |business |calendar |full )?"
_QUANTITY = re.compile(
    rf"(?P<sign>[{re.escape(_SIGNS)}]|\b(?:EUR|USD|GBP))\s?(?P<signed>{_NUMBER})"
    rf"|(?:(?P<low>{_NUMBER})\s?(?:to|or|-|–)\s?)?(?P<number>{_NUMBER})[\s-]?{_BETWEEN}"
    rf"(?P<unit>%|[{re.escape(_SIGNS)}]|(?:{_UNIT})\b)",
    re.I,
)
#: A field of a JSON result that names its unit: "total_eur": 79.0
_FIELD = re.compile(
    rf'"(?:\w{{0,60}}_)?(?P<unit>{_UNIT})"\s*:\s*"?(?P<number>\d{{1,15}}(?:\.\d{{1,9}})?)', re.I
)
#: A field whose name says that it is money, and not which: "fee": 49.0
_MONEY_FIELD = re.compile(
    r'"\w{0,60}?(?:price|fee|cost|amount|total|charge)\w{0,20}"\s*:\s*"?'
    r"(?P<number>\d{1,15}(?:\.\d{1,9})?)\b(?!\s?[%€$£A-Za-z])",
    re.I,
)
_BARE = re.compile(_NUMBER, re.I)
_HEDGE = re.compile(
    r"(?:about|around|approximately|roughly|nearly|almost|over|than|under|least|most|up to|every"
    r"|another|extra|additional|further|per|next|last|past|first|save[sd]?|off"
    r"|hundred(?: and)?|thousand|million|[~≈<>+-])\W*$",
    re.I,
)
#: Of one thing, whatever it is called: stem to stem.
_SAME = {
    stem(word): stem(first)
    for first, *others in (
        "price cost fee charge amount total".split(),
        "delivery shipping shipment arrive dispatch".split(),
        "refund repay reimburse".split(),
        "warranty guarantee".split(),
    )
    for word in (first, *others)
}
_CLAUSE = re.compile(r"[,;:]\s+")
#: Telling words that clause and passage must share, and their share of the clause's.
_SHARED, _SHARE, _SHARE_OF_JSON = 2, 0.6, 0.3
#: Figures of an answer that are held against the passages: most answers have a few.
_MOST_SAID = 100
#: Claims of a short answer.
_SHORT_ANSWER = 3
#: Figures of one of its claims.
_FEW = 6
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b|\b(?:19|20)\d\d\b")
#: A passage with more figures of one dimension is a table: which of them is meant is not plain.
_MOST = 3
_MOST_SUMS = 40


@dataclass(slots=True, frozen=True)
class Figure:
    """``text`` and ``number``: as they stand there. ``value``: in the unit of ``dimension``.
    ``plain``: not hedged."""

    text: str
    number: float
    dimension: str
    value: float
    plain: bool = True


@dataclass(slots=True, frozen=True)
class Finding:
    """'fail': ``claim`` says otherwise than ``passage``, from ``where``; 'pass': all figures are in
    passages that speak of the same; 'open': there are none, or it is not plain."""

    label: Literal["pass", "fail", "open"]
    claim: str = ""
    figure: str = ""
    where: str = ""
    passage: str = ""


def check(claims: Sequence[str], context: Sequence[tuple[str, str]], said: str = "") -> Finding:
    """Hold claims against the context, (where, text) each; ``said``: what the user said, whose
    figures an answer may repeat."""
    if not context or not any(_BARE.search(claim) for claim in claims):
        return Finding("open")
    known = [figure for _, text in context for figure in figures(text)]
    allowed = known + figures(said)
    bare = {
        _value(number)
        for text in (*(t for _, t in context), said)
        for number in _BARE.findall(text)
    }
    passages = [
        (where, passage, _telling(passage), figures(passage))
        for where, text in context
        for passage in _passages(text)
    ]
    confirmed, doubtful = False, False
    left = _MOST_SAID
    for claim in claims:
        whole = _telling(claim)
        for clause in _CLAUSE.split(claim):
            if not left:
                break
            here = _telling(clause)
            for figure in figures(clause)[:left]:
                left -= 1
                near = [
                    each
                    for each in passages
                    if (_speaks_of(each[1], each[2], here) or _speaks_of(each[1], each[2], whole))
                    and any(f.dimension == figure.dimension for f in each[3])
                ]
                if near and _among(figure, known):
                    confirmed = True
                    continue
                doubtful = True
                if near and figure.plain and not _follows(figure, allowed, bare):
                    where, passage, _, there = max(near, key=lambda e: len(e[2] & here))
                    if len({f.value for f in there if f.dimension == figure.dimension}) <= _MOST:
                        return Finding("fail", claim, figure.text, where, passage)
    if doubtful and (found := _only_one(claims, passages, allowed, bare)):
        return found
    return Finding("pass" if confirmed and not doubtful else "open")


def _only_one(
    claims: Sequence[str],
    passages: Sequence[tuple[str, str, frozenset[str], list[Figure]]],
    allowed: Sequence[Figure],
    bare: set[float],
) -> Finding | None:
    """A short answer gives one figure of a kind, and its sources one other: '$79' where all that
    there is is '$49'. Durations are left alone where there are dates to reckon them from."""
    if len(claims) > _SHORT_ANSWER:
        return None
    dated = any(_DATE.search(passage) for _, passage, _, _ in passages)
    for claim in claims:
        here = _telling(claim)
        for figure in figures(claim)[:_FEW]:
            if not figure.plain or (dated and figure.dimension in ("minute", "month")):
                continue
            there = [
                (each, known)
                for each in passages
                for known in each[3]
                if known.dimension == figure.dimension and known.value != figure.value
            ]
            if len({known.value for _, known in there}) != 1 or _follows(figure, allowed, bare):
                continue
            where, passage, words_there, _ = there[0][0]
            shared = len(here & words_there - _UNITS.keys())
            if shared >= (1 if _is_json(passage) else max(_SHARED, len(here) / 2)):
                return Finding("fail", claim, figure.text, where, passage)
    return None


def _telling(text: str) -> frozenset[str]:
    return frozenset(_SAME.get(each, each) for each in stems(text))


def _is_json(passage: str) -> bool:
    return passage.lstrip()[:1] in ("{", "[")


@remembered
def figures(text: str) -> list[Figure]:
    """The figures with a unit, in the text's order."""
    found: list[Figure] = []
    for match in _QUANTITY.finditer(text):
        unit = (match["sign"] or match["unit"]).lower()
        dimension, factor = _UNITS[unit]
        plain = not _HEDGE.search(text[max(0, match.start() - 16) : match.start()])
        for number in (match["signed"], match["low"], match["number"]):
            if number:
                said = _value(number)
                found.append(Figure(match[0], said, dimension, said * factor, plain))
    for match in _FIELD.finditer(text):
        dimension, factor = _UNITS[match["unit"].lower()]
        said = _value(match["number"])
        found.append(Figure(match[0], said, dimension, said * factor))
    for match in _MONEY_FIELD.finditer(text):
        said = _value(match["number"])
        found += [Figure(match[0], said, currency, said) for currency in _MONEY]
    return found


def _value(number: str) -> float:
    if number.lower() in _WORDS:
        return float(_WORDS[number.lower()])
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return float(number.replace(",", ""))
    return float(number.replace(",", "."))


def _passages(text: str) -> list[str]:
    """Sentences; a JSON result is one."""
    if _is_json(text):
        return [text]
    return [sentence for line in text.splitlines() for sentence in split(line.strip())]


def _speaks_of(passage: str, there: frozenset[str], here: frozenset[str]) -> bool:
    """Whether a passage is about what a clause says, units aside."""
    telling = {
        word for word in here if word not in _UNITS and word not in _WORDS and not word.isdigit()
    }
    shared = len(telling & there)
    share = _SHARE_OF_JSON if _is_json(passage) else _SHARE
    return shared >= _SHARED and shared >= share * len(telling)


def _among(figure: Figure, known: Sequence[Figure]) -> bool:
    return any(f.dimension == figure.dimension and _same(f.value, figure.value) for f in known)


def _same(known: float, said: float) -> bool:
    """Equal, or rounded to what was said."""
    return abs(known - said) <= 0.01 * abs(known) or round(known) == said


def _follows(figure: Figure, known: Sequence[Figure], bare: set[float]) -> bool:
    """Whether the figure is there in another form, or can be reckoned."""
    if figure.number in bare or _among(figure, known):
        return True
    values = sorted({f.value for f in known if f.dimension == figure.dimension})[:_MOST_SUMS]
    if len(values) > 2 and _same(sum(values), figure.value):
        return True
    if any(
        _same(a + b, figure.value) or _same(b - a, figure.value) for a, b in combinations(values, 2)
    ):
        return True
    if figure.dimension not in _MONEY:
        return False
    # A month's or a week's price is also told for the year.
    counts = [*[n for n in bare if 1 < n <= 100 and n == int(n)][:_MOST_SUMS], 12, 52]
    return any(
        _same(v * n, figure.value) or _same(v / n, figure.value) for v in values for n in counts
    )
