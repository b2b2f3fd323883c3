"""How much of what a query asks for is in the documents that came back, on their face."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from classify.models.rarity import rarity
from classify.models.windows import BESIDE, Window, windows
from classify.models.words import EMPTY, stem, words

#: Words of asking: what is asked for is what is left without them.
_ASKING = EMPTY | frozenset(
    "please tell show find give get list explain describe know want need help much many long often"
    " does use used using make example information question answer anyone someone there way best"
    " say says mean means happen happens difference between please customer user".split()
)
#: What documents and their parts are called: a query of nothing else names no subject.
_PARTS = frozenset(map(stem, (
    "handbook book guide guideline manual cookbook wiki cheat sheet documentation docs"
    " document page article chapter section part passage paragraph text file site note"
    " summary example overview introduction conclusion background reference resource reading"
    " explainer explanation direction instruction ingredient rule goal agenda checklist scope"
    " pros cons lesson recommendation basics fundamentals foreword preface appendix faq step"
    " detail description definition purpose context result option requirement item thing"
    " other another new updated get getting start started one two three four five six remark"
    " tip best practice closing"
).split()))  # fmt: skip
_YEAR = 4
#: From which rarity on a word with a capital in the middle of a sentence is a name.
_A_NAME = 0.35
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
#: Windows of the documents that the encoder is asked about.
_WINDOWS = 4


@dataclass(frozen=True)
class Retrieved:
    """A query and the documents that came back; the best window of all counts. ``text``: the
    nearest window, for evidence."""

    query: str
    documents: tuple[str, ...]

    @cached_property
    def asked(self) -> dict[str, float]:
        """Stems of the query's telling words, and how rare each is."""
        return telling(self.query)

    @cached_property
    def ranked(self) -> list[tuple[float, int, Window]]:
        """(share of the query's words, number of the document from 1, window), best first."""
        found = []
        for number, document in enumerate(self.documents, 1):
            for window, stems in _windows(document):
                found.append((share(self.asked, stems), number, window))
        return sorted(found, key=lambda each: (-each[0], each[1], each[2].start))

    @cached_property
    def nearest(self) -> list[Window]:
        """Those that the encoder is asked about: most words of the query, and each first one."""
        best = self.ranked[: _WINDOWS - 2]
        firsts = [each for each in self.ranked if each[2].start == 0 and each not in best]
        return [window for _, _, window in (best + firsts)[:_WINDOWS]]

    @property
    def where(self) -> str:
        return f"document {self.ranked[0][1]}" if self.ranked else ""

    @property
    def text(self) -> str:
        return self.ranked[0][2].text if self.ranked else ""


def telling(text: str) -> dict[str, float]:
    """Stems of the words that say what a query is about, with their rarity; of all words where
    nothing else is left."""
    all_words = words(text)
    kept = [word for word in all_words if word not in _ASKING] or all_words
    found: dict[str, float] = {}
    for word in kept:
        found[stem(word)] = max(found.get(stem(word), 0.0), rarity(word))
    return found


def share(asked: Mapping[str, float], known: frozenset[str]) -> float:
    """Share of what is asked that is known, rare words counting more; 0 for nothing asked."""
    total = sum(asked.values())
    return sum(each for word, each in asked.items() if word in known) / total if total else 0.0


def missing_words(item: Retrieved) -> float:
    """Share of the query's telling words that no document has. NaN for a query without words."""
    return 1.0 - share(item.asked, _known(item)) if item.asked else math.nan


def named(item: Retrieved) -> dict[str, float]:
    """Stems of the query that name its subject, and how rare each is. The number of a section names
    none, a year may."""
    return {
        word: rare
        for word, rare in item.asked.items()
        if word not in _PARTS and not (word.isdigit() and len(word) < _YEAR)
    }


def is_title(query: str) -> bool:
    """Whether what it is about is written as a title: behind the first word every telling one has a
    capital, or the first that has one is an everyday word. It names a part of a document, whose
    text need not say it."""
    behind = [word for word in _WORD.findall(query)[1:] if len(word) > 1]
    capitals = [word for word in behind if word[0].isupper() and not word.isupper()]
    if capitals and rarity(capitals[0].lower()) < _A_NAME:
        return True
    told = [w for w in behind if w.lower() not in _ASKING and stem(w.lower()) not in _PARTS]
    return len(told) > 1 and all(word[0].isupper() for word in told)


def _known(item: Retrieved) -> frozenset[str]:
    return frozenset().union(*(_stems(text) for text in item.documents))


@lru_cache(maxsize=64)
def _stems(text: str) -> frozenset[str]:
    return frozenset(map(stem, words(text)))


@lru_cache(maxsize=64)
def _windows(text: str) -> tuple[tuple[Window, frozenset[str]], ...]:
    return tuple(
        (window, frozenset(map(stem, words(window.text)))) for window in windows(text, BESIDE)
    )
