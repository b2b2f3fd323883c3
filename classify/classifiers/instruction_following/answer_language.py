"""Which language an answer is written in: by its script, and for Latin letters by its small words.

Says nothing where a text is short or its words are of several languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("answer_language.yaml")
_WORD = re.compile(r"[^\W\d_]+")
_MOST = 6_000
#: Fewer letters say nothing.
_LETTERS = 25
_FENCE = re.compile(r"```[^`]{0,20000}```|`[^`\n]{1,200}`|https?://\S{1,500}")


@cache
def _known() -> dict[str, dict[str, list[str]]]:
    """See answer_language.yaml."""
    found: dict[str, dict[str, list[str]]] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


@cache
def names() -> dict[str, str]:
    """A language's name in English, lower case, to its code."""
    return {name: code for code, each in _known().items() for name in each["names"]}


@cache
def _small_words() -> dict[str, frozenset[str]]:
    return {
        code: frozenset(" ".join(each["words"]).split())
        for code, each in _known().items()
        if "words" in each
    }


def differs(text: str, wanted: str) -> str:
    """The language (or script) that the text is written in where it is surely not in ``wanted``, a
    code; '' where it is or where nothing can be said."""
    plain = _FENCE.sub(" ", text[:_MOST])
    scripts = _scripts(plain)
    letters = sum(scripts.values())
    if letters < _LETTERS:
        return ""
    allowed = _known()[wanted].get("scripts", ["LATIN"])
    mine = sum(scripts[script] for script in allowed)
    if mine < 0.3 * letters:
        most = scripts.most_common(1)[0][0]
        return _latin(plain) or "English" if most == "LATIN" else f"{most.title()} letters"
    if allowed != ["LATIN"]:
        return ""
    found = _latin(plain)
    near = _known()[wanted].get("near", [])
    return _name(found) if found and found != wanted and found not in near else ""


def language_of(text: str) -> str:
    """The code of the language that a text is surely in, the script's name where that is all that
    can be said ('arabic'), '' where nothing can."""
    plain = _FENCE.sub(" ", text[:_MOST])
    scripts = _scripts(plain)
    if sum(scripts.values()) < _LETTERS:
        return ""
    most = scripts.most_common(1)[0][0]
    return _latin(plain) if most == "LATIN" else most.lower()


def _name(code: str) -> str:
    return _known()[code]["names"][0].title()


def _latin(text: str) -> str:
    """The code of the language whose small words are by far the most; '' where none is."""
    found = Counter(_WORD.findall(text.lower()))
    total = sum(found.values())
    if total < 6:
        return ""
    shares = {
        code: sum(n for word, n in found.items() if word in small) / total
        for code, small in _small_words().items()
    }
    (best, share), (_, second) = sorted(shares.items(), key=lambda each: -each[1])[:2]
    return best if share >= 0.2 and share >= 1.8 * second else ""


def _scripts(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if char.isalpha():
            name = unicodedata.name(char, "").partition(" ")[0]
            found["CJK" if name in ("CJK", "HIRAGANA", "KATAKANA") else name] += count
            if name in ("HIRAGANA", "KATAKANA"):
                found["KANA"] += 0
    return found
