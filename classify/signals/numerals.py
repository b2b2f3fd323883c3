"""Numbers of a text by their values, however they are written: 1,250.50, twelve, 67 million, 3rd.

What a claim says may stand in its sources in another form: rounded, as a share, as a month's name.
"""

from __future__ import annotations

import re

from classify.models.number_words import COUNTED

_WORDS = {word: float(value) for word, value in COUNTED.items()} | {
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "sixty": 60.0,
    "seventy": 70.0,
    "eighty": 80.0,
}
_WORDS |= {"ninety": 90.0, "hundred": 100.0, "dozen": 12.0, "half": 0.5, "twice": 2.0}
_WORDS |= {"first": 1.0, "second": 2.0, "third": 3.0, "fourth": 4.0, "fifth": 5.0}
MONTHS = {
    name: float(number)
    for number, name in enumerate(
        "january february march april may june july august september october november"
        " december".split(),
        1,
    )
}
_MONTH = MONTHS | {name[:3]: number for name, number in MONTHS.items()}
_SCALES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "million": 1e6,
    "bn": 1e9,
    "billion": 1e9,
}
_SCALES |= {"trillion": 1e12}
_NUMERAL = re.compile(
    r"(?<![\w.])\d{1,3}(?:[,\u202f]\d{3}){1,5}(?:\.\d{1,9})?(?!\d)"
    # Not of a name: COVID-19, Q1.
    r"|(?<!\d)(?<![^\W\d_])(?<![^\W\d_]-)\d{1,18}(?:\.\d{1,9})?"
)
_SCALE = re.compile(rf"[ -]?({'|'.join(sorted(_SCALES, key=len, reverse=True))})\b", re.I)
#: 2018–19
_SHORT_YEAR = re.compile(r"\d{4}[-–/]")
#: Of what follows a number, to what it is multiplied with.
_FACTORS = {"km": 1 / 1.609, "miles": 1.609, "mile": 1.609, "kg": 2.205, "pounds": 1 / 2.205}
_FACTORS |= {"lb": 1 / 2.205, "lbs": 1 / 2.205, "cm": 1 / 2.54, "inches": 2.54, "ft": 0.3048}
_FACTORS |= {
    "feet": 0.3048,
    "hours": 60,
    "minutes": 1 / 60,
    "days": 24,
    "weeks": 7,
    "months": 1 / 12,
}
_FACTORS |= {"years": 12, "year": 12, "gb": 1000, "mb": 1 / 1000}
_UNIT = re.compile(rf"(?::\d\d)?\s?(°?\s?[FC]\b|[ap]\.?m\b|(?:{'|'.join(_FACTORS)})\b)", re.I)
_WORD = re.compile(r"[a-z]{3,9}", re.I)
#: Words that are numbers or parts of them.
WORDS = frozenset((*_WORDS, *_SCALES)) - {"second", "m", "k"}


def numerals(text: str) -> list[tuple[float, int, int]]:
    """(value, start, end) of each number in digits, in the text's order."""
    found = []
    for match in _NUMERAL.finditer(text):
        value = float(match[0].replace(",", "").replace("\u202f", ""))
        end = match.end()
        if _SHORT_YEAR.match(text, max(0, match.start() - 5)) and end - match.start() == 2:
            continue
        if scale := _SCALE.match(text, end):
            value, end = value * _SCALES[scale[1].lower()], scale.end()
        found.append((value, match.start(), end))
    return found


def values(text: str) -> frozenset[float]:
    """All numbers, those in words and the numbers of months included."""
    found = {value for value, _, _ in numerals(text)}
    for match in _NUMERAL.finditer(text):
        found.add(float(match[0].replace(",", "").replace("\u202f", "")))
    for match in _WORD.finditer(text):
        word = match[0].lower()
        value = _WORDS.get(word, _MONTH.get(word))
        if value is not None:
            found.add(value)
    return frozenset(found)


def converted(value: float, text: str, end: int) -> list[float]:
    """What the number that ends there is in another unit or clock: 15 for 3 pm, 30 for 86 °F."""
    found = _UNIT.match(text, end)
    if found is None:
        return []
    unit = found[1].lower().replace("°", "").replace(" ", "").replace(".", "")
    if unit == "f":
        return [(value - 32) * 5 / 9]
    if unit == "c":
        return [value * 9 / 5 + 32]
    if unit in ("pm", "am"):
        return [value + 12 if unit == "pm" else value % 12]
    factor = _FACTORS[unit]
    return [value * factor]


def near(value: float, known: frozenset[float]) -> bool:
    """Whether a number that is there is the same but for rounding after a conversion."""
    return any(abs(each - value) <= 0.02 * abs(value) + 1e-9 for each in known)


def among(value: float, known: frozenset[float]) -> bool:
    """Whether the number is there as it is, as a share or in hundreds."""
    return value in known or value / 100 in known or value * 100 in known


def rounded(value: float, known: frozenset[float]) -> bool:
    """Whether a longer number that is there rounds to it: 4.9 for 4.87, 67 million for
    67,391,582."""
    if value == 0:
        return False
    for each in known:
        if abs(each - value) <= 0.05 * abs(each) and _digits(each) > _digits(value):
            places = _digits(value)
            if float(f"{each:.{max(0, places - 1)}e}") == value:
                return True
    return False


def _digits(value: float) -> int:
    """How many digits it is told with: 3 for 12.5, 2 for 12, 2 for 67,000,000."""
    told = f"{value:.10f}".rstrip("0").rstrip(".").replace(".", "").lstrip("0")
    return len(told.rstrip("0")) if value == int(value) else len(told)
