"""Which language a text is in: by its script, and for Latin letters by its small words.

One measure, asked two ways: ``language`` says what a text surely is in, ``likely`` whether it is
English as far as anybody can tell, as short texts and code are. The languages are those of
languages.yaml.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from classify.signals.vocabulary import ENGLISH

#: Characters that are looked at: of the beginning, and as many from the middle.
_PART = 2_500
#: Fewer words of Latin letters say nothing, nor do fewer different small words of a language.
_FEW, _DIFFERENT = 4, 3
#: Nor do fewer letters: of Latin ones, and of others.
_LETTERS, _OTHER_LETTERS = 25, 8
#: Share of a text's letters that makes it one of another script than Latin.
_SCRIPT = 0.4
#: A language's words are sure with this share of a text, and as many times the next one's share.
_SURE, _CLEARLY = 0.2, 1.8
#: They likely are with this share, and as much more than English words.
_LIKELY, _MORE = 0.15, 0.03

_WORD = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"```[^`]{0,20000}```|`[^`\n]{1,200}`|https?://\S{1,500}")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
#: Of which Japanese is written beside Han letters, which are Chinese where they stand alone.
_KANA = ("HIRAGANA", "KATAKANA")


@cache
def _known() -> Mapping[str, Mapping[str, Any]]:
    """Code to what languages.yaml says."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(
        Path(__file__).with_name("languages.yaml").read_text("utf-8")
    )
    return found


@cache
def names() -> dict[str, str]:
    """A language's name in English, lower case, to its code."""
    return {name: code for code, each in _known().items() for name in each["names"]}


@cache
def _small_words() -> dict[str, frozenset[str]]:
    held = {c: frozenset(each["words"].split()) for c, each in _known().items() if "words" in each}
    return held | {"en": held["en"] | ENGLISH}


def language(text: str) -> str:
    """'English', 'German', 'Japanese', …, or the name of a script ('Arabic') that is all that can
    be said; '' where nothing is sure."""
    return _language(_part_of(text))


@lru_cache(maxsize=512)
def _language(part: str) -> str:
    plain = _plain(part)
    letters = sum(map(str.isalpha, plain))
    other = _other_script(plain)
    if other or letters < _LETTERS:
        return other if letters >= _OTHER_LETTERS else ""
    return _name(_sure(_shares(plain)))


def likely(text: str) -> str:
    """'English' unless another language is likelier: a language's or a script's name, or 'Latin'
    where nothing is known of it but that."""
    return _likely(_part_of(text))


@lru_cache(maxsize=512)
def _likely(part: str) -> str:
    plain = _plain(part)
    other = _other_script(plain)
    if other:
        return other
    words = _WORD.findall(plain.lower())
    shares = _shares(plain)
    if not shares:
        return "English"
    english = shares.pop("en")
    best = max(shares, key=shares.__getitem__)
    if shares[best] >= _LIKELY and shares[best] > english + _MORE:
        return _name(best)
    # Letters with marks in every other word, and hardly an English word: whatever it is.
    if english < 0.1 and sum(not word.isascii() for word in words) >= 0.25 * len(words):
        return _name(best) if shares[best] >= 0.05 else "Latin"
    return "English"


def reads(text: str) -> bool:
    """Whether the encoder reads it: English, or so short that it does not matter."""
    return likely(text) == "English"


def in_another(text: str, wanted: str) -> bool:
    """Whether it is likelier written in another language than in ``wanted``, a code."""
    return not reads(text) if wanted == "en" else bool(differs(text, wanted))


def in_two_languages(one: str, other: str) -> bool:
    """Whether both languages are sure, and not the same nor near each other."""
    first = language(one)
    second = language(other) if first else ""
    if not second or first == second:
        return False
    code = names().get(first.lower(), "")
    return names().get(second.lower(), second) not in _near(code)


def differs(text: str, wanted: str) -> str:
    """The language (or script) that the text is written in where it is surely not in ``wanted``, a
    code; '' where it is or where nothing can be said."""
    plain = _plain(_part_of(text))
    scripts = _scripts(plain)
    letters = sum(scripts.values())
    if letters < _LETTERS:
        return ""
    allowed = _known()[wanted].get("scripts", ["LATIN"])
    found = _sure(_shares(plain))
    if sum(scripts[script] for script in _as_counted(allowed)) < 0.3 * letters:
        most = scripts.most_common(1)[0][0]
        return _name(found or "en") if most == "LATIN" else f"{most.title()} letters"
    if allowed != ["LATIN"] or not found or found == wanted or found in _near(wanted):
        return ""
    return _name(found)


def _name(code: str) -> str:
    return _known()[code]["names"][0].title() if code else ""


def _near(code: str) -> tuple[str, ...]:
    return tuple(_known()[code].get("near", ())) if code else ()


def _part_of(text: str) -> str:
    """As much of it as is looked at, and kept by the caches."""
    if len(text) <= 2 * _PART:
        return text
    middle = len(text) // 2
    return text[:_PART] + " " + text[middle : middle + _PART]


def _plain(part: str) -> str:
    """Without code, addresses and what nobody sees."""
    return _CODE.sub(" ", _INVISIBLE.sub("", part))


def _shares(plain: str) -> dict[str, float]:
    """Code to the share of the words that are the language's small ones; {} of few words."""
    counts = Counter(_WORD.findall(plain.lower()))
    total = sum(counts.values())
    if total < _FEW:
        return {}
    found = {}
    for code, small in _small_words().items():
        mine = [n for word, n in counts.items() if word in small]
        # The a and de of a program are small words too, again and again.
        told = code == "en" or len(mine) >= _DIFFERENT
        found[code] = sum(mine) / total if told else 0.0
    return found


def _sure(shares: Mapping[str, float]) -> str:
    """The code of the language whose words are by far the most, those near to it left aside; ''
    where none is."""
    if not shares:
        return ""
    best = max(shares, key=shares.__getitem__)
    near = _near(best)
    second = max(share for code, share in shares.items() if code != best and code not in near)
    return best if shares[best] >= _SURE and shares[best] >= _CLEARLY * second else ""


def _other_script(plain: str) -> str:
    """The name of the script, or of the one language of it, that most letters are of where that is
    not the Latin one; a sentence of another script among English ones is enough for neither."""
    if plain.isascii():
        return ""
    scripts = _scripts(plain)
    letters = sum(scripts.values())
    scripts.pop("LATIN", 0)
    if not scripts:
        return ""
    kana = sum(scripts.get(each, 0) for each in _KANA)
    if kana > 0.1 * letters:
        return "Japanese"
    most, count = scripts.most_common(1)[0]
    if count <= _SCRIPT * letters:
        return ""
    return "Chinese" if most == "CJK" else most.title()


def _as_counted(scripts: list[str]) -> list[str]:
    return [*scripts, *_KANA] if "CJK" in scripts else scripts


def _scripts(text: str) -> Counter[str]:
    """Letters by the first word of their names in Unicode."""
    found: Counter[str] = Counter()
    for char, count in Counter(text).items():
        if char.isalpha():
            found["LATIN" if char < "\u0250" else _script_of(char)] += count
    return found


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
