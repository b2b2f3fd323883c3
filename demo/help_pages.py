"""Retrieval over the help pages: BM25 on words, a few dozen lines instead of a search engine.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import everyspan

_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(
    "a an and are as at be by can do does for from have how i in is it me my of on or our please "
    "say says tell that the this to was what when where which with would you your".split()
)
_K1, _B = 1.5, 0.75
#: Below it a page shares a common word with the query and no more.
MIN_SCORE = 3.0


def _words(text: str) -> list[str]:
    # A plural "s" is all the stemming that the pages need.
    return [word.removesuffix("s") for word in _WORD.findall(text.lower()) if word not in _STOP]


class HelpPages:
    """The pages that one conversation can find: `{id, title, text}` each."""

    def __init__(self, documents: Sequence[dict[str, str]]) -> None:
        self._documents = documents
        self._counts = [Counter(_words(f"{d['title']} {d['text']}")) for d in documents]
        self._lengths = [counts.total() for counts in self._counts]
        self._mean_length = sum(self._lengths) / len(documents)
        self._found_in = Counter(word for counts in self._counts for word in counts)

    @everyspan.step(kind="retrieval", name="help_pages")
    def search(self, query: str, top_k: int = 3) -> list[dict[str, object]]:
        """The `top_k` best pages of at least MIN_SCORE: `{id, title, content, score}`."""
        words = _words(query)
        scored = sorted(
            ((self._score(words, index), index) for index in range(len(self._documents))),
            key=lambda pair: (-pair[0], pair[1]),
        )
        return [
            {
                "id": self._documents[index]["id"],
                "title": self._documents[index]["title"],
                "content": self._documents[index]["text"],
                "score": round(score, 4),
            }
            for score, index in scored[:top_k]
            if score >= MIN_SCORE
        ]

    def _score(self, words: list[str], index: int) -> float:
        counts, length = self._counts[index], self._lengths[index]
        total = 0.0
        for word in words:
            if not counts[word]:
                continue
            having = self._found_in[word]
            rarity = math.log(1 + (len(self._documents) - having + 0.5) / (having + 0.5))
            often = counts[word] * (_K1 + 1)
            total += (
                rarity * often / (counts[word] + _K1 * (1 - _B + _B * length / self._mean_length))
            )
        return total
