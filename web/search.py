"""What somebody typed into the search field, as a condition on input and output.

Words are looked up in ClickHouse's text index on the lower-case text, so that a row is read only
where it has all of them; a part that is more than a word (``50%``, ``c:\\temp``, ORD-12, "in double
quotes") must stand there as it is, in upper or lower case.
"""

from __future__ import annotations

import re

from web.sql import literal

#: A part in double quotes, or up to the next blank.
_PARTS = re.compile(r'"([^"]*)"|(\S+)')
#: What the index's tokenizer (splitByNonAlpha) takes for a word. It does not part what is not
#: ASCII, such as Chinese, which has no blanks either: there the text itself is searched.
_WORD = re.compile(r"[A-Za-z0-9]+")
_COLUMNS = ("input", "output")
MOST_CHARACTERS = 500


def parts(text: str) -> list[str]:
    """What each must stand in the row."""
    return [a or b for a, b in _PARTS.findall(text[:MOST_CHARACTERS]) if a or b]


def condition(text: str) -> str:
    """SQL: input or output holds every part. '' for a text of blanks."""
    found = parts(text)
    if not found:
        return ""
    return "(" + " OR ".join(_holds(column, found) for column in _COLUMNS) + ")"


def _holds(column: str, found: list[str]) -> str:
    words: list[str] = []
    conditions: list[str] = []
    for part in found:
        whole = part.lower()
        if not _WORD.fullmatch(part):
            conditions.append(f"position(lowerUTF8({column}), {literal(whole)}) > 0")
        words += _whole_words(whole)
    if words:
        listed = ", ".join(literal(word) for word in dict.fromkeys(words))
        conditions.insert(0, f"hasAllTokens(lowerUTF8({column}), [{listed}])")
    return "(" + " AND ".join(conditions) + ")"


def _whole_words(part: str) -> list[str]:
    """The words that a text which holds ``part`` has as words of its own: at its ends there may be
    more of a word, but for a part that is one."""
    if _WORD.fullmatch(part):
        return [part]
    return [
        found.group()
        for found in _WORD.finditer(part)
        if found.start() > 0
        and found.end() < len(part)
        and part[found.start() - 1].isascii()
        and part[found.end()].isascii()
    ]


def examples(text: str) -> list[str]:
    """The parts in lower case, for marks in what was found."""
    return [part.lower() for part in parts(text)]
