"""How many words, sentences, paragraphs or bullets a text has, as the fewest and the most that a
careful reader may count: a broken limit is one that no way of counting keeps."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_END_OF_SENTENCE = re.compile(r"(?<![.!?])[.!?。！？]++[\"”'’)*_\]]{0,3}(?=\s|$)")
_ABBREVIATED = re.compile(
    r"\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|vs|etc|No|Inc|Ltd|Jr|Sr|approx|e\.g|i\.e|a\.m|p\.m|U\.S"
    r"|P\.S|P\.P\.S|\d{1,3})$"
)
_BULLET = re.compile(r"^([^\S\n]{0,40})(?:[-*•+–‣◦▪●]|\d{1,3}[.)])[^\S\n]", re.M)
_SIGN = re.compile(r"^([^\S\n]{0,40})[-*•+–‣◦▪●][^\S\n]", re.M)
_HEADING = re.compile(
    r"^\s{0,3}(?:#{1,6}\s|\*\*[^*\n]{1,100}\*\*:?\s*$|<<[^>\n]{1,100}>>\s*$|=+\s*$|-+\s*$"
    r"|\*{3,}\s*$)"
)
_BREAK = re.compile(r"\n[^\S\n]*\n\s*")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")


def words(text: str) -> tuple[int, int]:
    """Split by blanks and by what is no letter: 'well-known' is one or two."""
    by_blanks = [part for part in text.split() if any(c.isalnum() for c in part)]
    found = len(_WORD.findall(text))
    return min(len(by_blanks), found), max(len(by_blanks), found)


def sentences(text: str) -> tuple[int, int]:
    """At the fewest, headings, list items and abbreviations end none."""
    fewest = most = 0
    for line in text.split("\n"):
        if not any(c.isalnum() for c in line):
            continue
        ends = list(_END_OF_SENTENCE.finditer(line))
        tail = line[ends[-1].end() :] if ends else line
        rest = any(c.isalnum() for c in tail)
        most += len(ends) + rest
        sure = 0
        for end in ends:
            before, after = line[: end.start()], line[end.end() : end.end() + 3].lstrip()
            short = _ABBREVIATED.search(before[-12:]) is not None
            sure += not short and not (after[:1].islower() or after[:1].isdigit())
        fewest += sure
    return (max(fewest, 1) if most else 0), most


def parts(unit: str, text: str) -> list[str]:
    """The sentences, paragraphs, lines or bullets of a text, for limits on each of them."""
    if unit == "paragraph":
        return [block for block in _BREAK.split(text) if block.strip()]
    found = [line for line in text.split("\n") if line.strip()]
    if unit == "bullet":
        return [line for line in found if _BULLET.match(line)]
    if unit == "sentence":
        return [part for line in found for part in _END_OF_SENTENCE.split(line) if part.strip()]
    return found


def paragraphs(text: str, divider: bool = False) -> tuple[int, int]:
    """``divider``: paragraphs that were to be divided by '***'. At the fewest, headings and short
    lines without an end (a greeting, a name) are none."""
    if divider:
        parts = [part for part in _DIVIDER.split(text) if part.strip()]
        return len(parts), len(parts)
    blocks = [block for block in _BREAK.split(text) if any(c.isalnum() for c in block)]
    whole = [block for block in blocks if not _HEADING.match(block) and not _is_short(block)]
    lines = [line for line in text.split("\n") if any(c.isalnum() for c in line)]
    return min(len(whole), len(blocks)), max(len(lines), len(blocks))


def _is_short(block: str) -> bool:
    return len(block) < 60 and block.rstrip()[-1:] not in '.!?"”。'


def bullets(text: str) -> tuple[int, int]:
    """At the fewest only the outermost signs."""
    signs = [len(m[1]) for m in _SIGN.finditer(text)]
    outer = sum(1 for depth in signs if depth <= min(signs, default=0) + 1)
    every = len(_BULLET.findall(text))
    stars = len(re.findall(r"^\s{0,40}\*[^*\n]", text, re.M))
    numbered = every - len(signs)
    if not every and not stars:
        # A list without signs, a line each.
        return 0, lines(text)[1]
    least = outer if not numbered else min(outer, numbered)
    return least, max(every, stars)


def lines(text: str) -> tuple[int, int]:
    """Lines that are not blank."""
    found = [line for line in text.split("\n") if line.strip()]
    return sum(1 for line in found if not _HEADING.match(line)), len(found)


def characters(text: str) -> tuple[int, int]:
    """Without blanks, and with them."""
    return sum(1 for c in text if not c.isspace()), len(text)
