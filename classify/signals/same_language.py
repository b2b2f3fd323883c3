"""In which language a text is, as far as words that every text of a language has tell it: enough to
say that an answer and its sources are in two, and that their words can't be compared.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

_WORD = re.compile(r"[^\W\d_]+")
#: Letters of other scripts, by the script's name.
_SCRIPTS = {
    "Cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "Greek": re.compile(r"[\u0370-\u03ff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "Hebrew": re.compile(r"[\u0590-\u05ff]"),
    "Devanagari": re.compile(r"[\u0900-\u097f]"),
    "Thai": re.compile(r"[\u0e00-\u0e7f]"),
    "Hangul": re.compile(r"[\uac00-\ud7af]"),
    "Kana": re.compile(r"[\u3040-\u30ff]"),
    "Han": re.compile(r"[\u3400-\u9fff]"),
}
#: Characters that are looked at.
_LOOKED_AT = 4000
#: Words that must tell, and how many times as many as of the next language.
_TELLING, _CLEARLY = 3, 1.7


def language(text: str) -> str:
    """'English', 'German', …, or a script's name; '' where it is not plain."""
    text = text[:_LOOKED_AT]
    letters = sum(map(str.isalpha, text))
    if letters < 8:
        return ""
    if not text.isascii():
        for name, script in _SCRIPTS.items():
            found = len(script.findall(text))
            if name == "Kana" and found > 0.1 * letters:
                return "Japanese"
            if found > 0.5 * letters:
                return name
    told = [word.lower() for word in _WORD.findall(text)]
    counts = sorted(
        ((sum(word in marks for word in told), name) for name, marks in _marks().items()),
        reverse=True,
    )
    (most, name), (next_most, _) = counts[0], counts[1]
    return name if most >= _TELLING and most >= _CLEARLY * next_most else ""


def in_two_languages(one: str, other: str) -> bool:
    """Whether both languages are plain, and not the same."""
    first = language(one)
    if not first:
        return False
    second = language(other)
    return bool(second) and first != second


@cache
def _marks() -> dict[str, frozenset[str]]:
    path = Path(__file__).with_name("same_language.yaml")
    held = yaml.safe_load(path.read_text(encoding="utf-8"))
    marks = {name: frozenset(text.split()) for name, text in held.items()}
    # English words stand in texts of every language, and single letters are no words.
    english = marks["English"]
    return {
        name: each if each is english else frozenset(w for w in each - english if len(w) > 1)
        for name, each in marks.items()
    }
