"""What an answer can rest on, read once: words, runs of words, numbers, names and sentences of its
sources, and what was said to the model besides.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from classify.models.claims import split
from classify.models.remembered import remembered
from classify.models.words import EMPTY, stem, words
from classify.signals import numerals

#: Sentences of the sources that are looked at; the first count.
_MOST_SENTENCES = 3000
#: Names are looked at in lower case: letters, digits and what joins them.
_NAME = re.compile(r"(?<![\w.])[A-Z][\w'’-]+")
_IDENTIFIER = re.compile(
    r"https?://[^\s<>()\"'`]{1,300}|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}"
    r"|(?<![\w/.-])(?=[\w./-]{0,39}\d)(?=[\w./-]{0,39}[A-Za-z_])[A-Za-z0-9][\w./-]{3,60}"
    r"|(?<![\w.])[A-Za-z_]\w{0,40}(?:_\w{1,40}){1,6}(?:\(\))?|(?<![\w.])\w{2,40}\(\)"
)
_JSON = ("{", "[")
_RECORD = re.compile(r"(?<=\})\s*,\s*(?=\{)")


@dataclass(slots=True, frozen=True)
class Sentence:
    """One of a source. ``stems``: of its telling words."""

    text: str
    where: str
    stems: frozenset[str]


@dataclass(slots=True, frozen=True)
class Read:
    """One text."""

    stems: frozenset[str]
    pairs: frozenset[tuple[str, ...]]
    triples: frozenset[tuple[str, ...]]
    words: frozenset[str]
    values: frozenset[float]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Grounds:
    """``sources``: (where from, text) of documents and tool results. ``said``: what the user, the
    developer and earlier turns said: an answer may repeat it, but it is no source."""

    sources: tuple[tuple[str, str], ...]
    said: tuple[str, ...] = field(default=())

    @cached_property
    def _read(self) -> list[Read]:
        return [read(text) for text in (*(text for _, text in self.sources), *self.said)]

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset().union(*(each.stems for each in self._read))

    @cached_property
    def source_stems(self) -> frozenset[str]:
        """Of the sources alone."""
        return frozenset().union(*(each.stems for each in self._read[: len(self.sources)]))

    @cached_property
    def source_pairs(self) -> frozenset[tuple[str, ...]]:
        """Of the sources alone."""
        return frozenset().union(*(each.pairs for each in self._read[: len(self.sources)]))

    @cached_property
    def pairs(self) -> frozenset[tuple[str, ...]]:
        return frozenset().union(*(each.pairs for each in self._read))

    @cached_property
    def triples(self) -> frozenset[tuple[str, ...]]:
        return frozenset().union(*(each.triples for each in self._read))

    @cached_property
    def words(self) -> frozenset[str]:
        """As they are written, in lower case."""
        return frozenset().union(*(each.words for each in self._read))

    @cached_property
    def values(self) -> frozenset[float]:
        """Numbers."""
        return frozenset().union(*(each.values for each in self._read))

    @cached_property
    def text(self) -> str:
        """All of it in lower case, single spaces: what names and quotations are looked up in."""
        return "\n".join(" ".join(t.lower().split()) for t in (*self.told, *self.said))

    @property
    def told(self) -> tuple[str, ...]:
        """The sources' texts."""
        return tuple(text for _, text in self.sources)

    @cached_property
    def sentences(self) -> list[Sentence]:
        """Of the sources."""
        found: list[Sentence] = []
        for (where, _), each in zip(self.sources, self._read, strict=False):
            for text in each.sentences[: _MOST_SENTENCES - len(found)]:
                found.append(Sentence(text, where, content(text)))  # noqa: PERF401
        return found

    @cached_property
    def _having(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for number, sentence in enumerate(self.sentences):
            for each in sentence.stems:
                found[each].append(number)
        return found

    def nearest(self, stems: frozenset[str]) -> Sentence | None:
        """The sentence that holds most of the stems, the shortest of several; None for none."""
        shared: Counter[int] = Counter()
        for each in stems:
            shared.update(self._having.get(each, ()))
        if not shared:
            return None
        best = max(shared, key=lambda n: (shared[n], -len(self.sentences[n].stems), -n))
        return self.sentences[best]

    def __hash__(self) -> int:
        return id(self)


@remembered
def read(text: str) -> Read:
    """What a text holds. Runs are of telling words (pairs) and of all words (triples)."""
    all_words = words(text)
    stemmed = [stem(word) for word in all_words]
    telling = [s for s, word in zip(stemmed, all_words, strict=True) if word not in EMPTY]
    return Read(
        frozenset(telling),
        frozenset(pairwise(telling)),
        frozenset(zip(stemmed, stemmed[1:], stemmed[2:], strict=False)),
        frozenset(all_words),
        numerals.values(text),
        tuple(_sentences(text)),
    )


def content(text: str) -> frozenset[str]:
    """Stems of the telling words, numbers and their words left out."""
    return frozenset(
        stem(word)
        for word in words(text)
        if word not in EMPTY and word not in numerals.WORDS and not word[0].isdigit()
    )


def names(text: str) -> list[str]:
    """Words with a capital letter, but for the first of a sentence and what is all capitals in a
    heading of capitals."""
    if text.isupper():
        return []
    found = []
    for match in _NAME.finditer(text):
        before = text[max(0, match.start() - 3) : match.start()].rstrip(" \"“'‘(*")
        if match.start() and before and before[-1] not in ".!?:\n•-|":
            found.append(match[0])
    return found


def identifiers(text: str) -> list[str]:
    """Addresses, codes and symbols: https://…, a@b.example, LF-1001, user_id, run()."""
    return [match[0].rstrip(".,;:!?/") for match in _IDENTIFIER.finditer(text)]


def grounds(sources: Sequence[tuple[str, str]], said: Sequence[str] = ()) -> Grounds:
    """Empty texts are left out."""
    return Grounds(
        tuple((where, text) for where, text in sources if text.strip()),
        tuple(text for text in said if text.strip()),
    )


def _sentences(text: str) -> list[str]:
    if text.lstrip()[:1] in _JSON:
        # A record of a list is what a sentence is of a page.
        return [part for part in _RECORD.split(text) if part.strip()]
    return [each for line in text.splitlines() for each in split(line.strip())]
