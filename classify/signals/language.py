"""What a text is written in, as far as it matters: whether the encoder reads it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import yaml

from classify.signals.vocabulary import ENGLISH

#: Scripts of which the encoder's vocabulary holds words, not just letters.
_READ = "LATIN"
#: Letters that are looked at, spread over the text.
_SAMPLE = 600
#: Fewer words say nothing of the language.
_FEW = 6

_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=1)
def _common() -> dict[str, frozenset[str]]:
    told = yaml.safe_load(Path(__file__).with_name("languages.yaml").read_text("utf-8"))
    return {name: frozenset(words.split()) for name, words in told.items()}


@lru_cache(maxsize=256)
def language(text: str) -> str:
    """'English' (or too short to tell, or code), the name of another language in Latin script, or
    of another script: 'Arabic', 'Chinese' (Han alone), 'Japanese' (Han and kana), …"""
    sample = text if len(text) <= 4000 else text[:2000] + " " + text[len(text) // 2 :][:2000]
    if not sample.isascii():
        script = _script(sample)
        if script != _READ:
            return {"Cjk": "Chinese", "Hiragana": "Japanese", "Katakana": "Japanese"}.get(
                script.capitalize(), script.capitalize()
            )
    words = _WORD.findall(sample.lower())
    if len(words) < _FEW:
        return "English"
    shares = {
        name: sum(word in common for word in words) / len(words)
        for name, common in _common().items()
    }
    english = sum(word in ENGLISH for word in words) / len(words)
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= 0.15 and shares[best] > english + 0.03:
        return best
    # Letters with marks in every other word, and hardly an English word: whatever it is.
    if english < 0.1 and sum(not word.isascii() for word in words) >= 0.25 * len(words):
        return best if shares[best] >= 0.05 else "Latin"
    return "English"


def reads(text: str) -> bool:
    """Whether the encoder reads it: English, or so short that it does not matter."""
    return language(text) == "English"


def _script(sample: str) -> str:
    """The script that most letters are of; Han letters beside kana are Japanese."""
    letters = [c for c in sample if c.isalpha()]
    step = max(1, len(letters) // _SAMPLE)
    counts: dict[str, int] = {}
    for letter in letters[::step]:
        name = _script_of(letter)
        counts[name] = counts.get(name, 0) + 1
    if not counts:
        return _READ
    if counts.get("HIRAGANA", 0) + counts.get("KATAKANA", 0) > 0.1 * sum(counts.values()):
        return "HIRAGANA"
    # A sentence of another script among English ones is enough for neither.
    latin = counts.pop(_READ, 0)
    if not counts:
        return _READ
    other = max(counts, key=counts.__getitem__)
    return other if counts[other] > 0.4 * (latin + sum(counts.values())) else _READ


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    if letter < "\u0250":
        return _READ
    try:
        return unicodedata.name(letter).split()[0]
    except ValueError:
        return "UNKNOWN"
