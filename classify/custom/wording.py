"""What a text says beside what it is about: its words, its numbers, whether its language is usual.

Words are weighed by how rare they are in the traffic, a text's weights have length 1. Numbers are
told by which of the traffic's usual sizes they reach, alone and with the word after them ("over
30", "over 30 days"), so that four examples of 45 and 60 days say something of 90. What is kept are
checksums, not words: what a classifier has learned is exported, and outlives what is forgotten.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from classify.signals.language import likely

Floats = NDArray[np.float64]
#: Words that are kept, the most frequent; bounds what is stored of a classifier.
MOST_WORDS = 8_000
_WORD = re.compile(r"\w+")
#: Longer ones are no words, but codes of one text each.
_LONGEST = 40
_NUMBER = re.compile(r"\d[\d,]{0,12}(?:\.\d{1,6})?")
_NEXT = re.compile(r"\W{0,8}([^\W\d_]{1,24})")
#: Sizes that numbers are held against: so many quantiles of the traffic's, where it has so many.
_SIZES, _LEAST_NUMBERS = 10, 20
#: Of texts with which a fact is known.
_SEEN = 2


@lru_cache(maxsize=1 << 16)
def _key(name: str) -> int:
    return crc32(name.encode("utf-8", "replace"))


_ANY_NUMBER, _OTHER_LANGUAGE = _key("number"), _key("other language")


@dataclass(frozen=True)
class Words:
    """``keys`` of words of the traffic and the examples; ``rarity`` of each, shape (w,)."""

    keys: tuple[int, ...]
    rarity: Floats
    _places: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {key: i for i, key in enumerate(self.keys)})

    @classmethod
    def of(cls, texts: Sequence[str], examples: Sequence[str]) -> Words:
        """Of the traffic's texts. Words of examples are kept, others where more than one has
        them."""
        counts = Counter(word for text in texts for word in set(_words(text)))
        told = {word for text in examples for word in _words(text)}
        keys = [word for word, count in counts.items() if count >= _SEEN or word in told]
        keys.sort(key=lambda word: (word not in told, -counts[word], word))
        keys = [*keys, *sorted(told - counts.keys())][:MOST_WORDS]
        seen = np.array([counts[word] for word in keys], np.float64)
        return cls(tuple(keys), np.log((1 + len(texts)) / (1 + seen)) + 1)

    def table(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (len(texts), w), each row of length 1, or 0 without a known word."""
        found = np.zeros((len(texts), len(self.keys)), np.float32)
        for i, text in enumerate(texts):
            places, values = self._row(text)
            found[i, places] = values
        return found

    def weighed(self, texts: Sequence[str], weights: Floats) -> Floats:
        """``table(texts) @ weights`` without the table, shape (len(texts),)."""
        found = np.zeros(len(texts))
        for i, text in enumerate(texts):
            places, values = self._row(text)
            found[i] = values @ weights[places] if len(places) else 0.0
        return found

    def _row(self, text: str) -> tuple[NDArray[np.intp], Floats]:
        counts = Counter(self._places[word] for word in _words(text) if word in self._places)
        places = np.fromiter(counts.keys(), np.intp, len(counts))
        values = 1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))
        values *= self.rarity[places]
        return places, values / max(float(np.linalg.norm(values)), 1e-9)


@dataclass(frozen=True)
class Facts:
    """``keys`` of what is known of a text, and the ``sizes`` that numbers are held against.
    ``usual``: the language of most of the traffic."""

    keys: tuple[int, ...]
    sizes: tuple[float, ...]
    usual: str
    _places: dict[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {key: i for i, key in enumerate(self.keys)})

    @classmethod
    def of(cls, texts: Sequence[str]) -> Facts:
        """Of the traffic's texts."""
        values = [size for text in texts for size, _ in _numbers(text)]
        sizes: tuple[float, ...] = ()
        if len(values) > _LEAST_NUMBERS:
            quantiles = np.quantile(values, np.linspace(0.05, 0.95, _SIZES))
            sizes = tuple(float(each) for each in np.unique(quantiles))
        languages = Counter(map(likely, texts))
        usual = min(languages, key=lambda each: (-languages[each], each), default="English")
        every = cls((), sizes, usual)
        counts = Counter(key for text in texts for key in every._told(text))
        kept = {key for key, count in counts.items() if count >= _SEEN}
        return cls(tuple(sorted(kept | {_OTHER_LANGUAGE})), sizes, usual)

    def table(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (len(texts), f), of ones and zeros."""
        found = np.zeros((len(texts), len(self.keys)), np.float32)
        for i, text in enumerate(texts):
            found[i, self._row(text)] = 1.0
        return found

    def weighed(self, texts: Sequence[str], weights: Floats) -> Floats:
        """``table(texts) @ weights`` without the table, shape (len(texts),)."""
        return np.array([weights[self._row(text)].sum() for text in texts], np.float64)

    def _row(self, text: str) -> list[int]:
        return [self._places[key] for key in self._told(text) if key in self._places]

    def _told(self, text: str) -> set[int]:
        found = set()
        for size, word in _numbers(text):
            found.add(_ANY_NUMBER)
            for each in self.sizes:
                over = size >= each
                if over:
                    found.add(_key(f"over {each:g}"))
                if word:
                    found.add(_key(f"{'over' if over else 'under'} {each:g} {word}"))
        if likely(text) != self.usual:
            found.add(_OTHER_LANGUAGE)
        return found


def _words(text: str) -> list[int]:
    return [_key(word) for word in _WORD.findall(text.lower()) if len(word) <= _LONGEST]


def _numbers(text: str) -> Iterable[tuple[float, str]]:
    """Each number with the word after it, '' where none is near."""
    for match in _NUMBER.finditer(text):
        after = _NEXT.match(text, match.end())
        yield float(match[0].replace(",", "")), after[1].lower() if after else ""
