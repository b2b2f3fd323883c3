"""Which parts of contexts or documents are read beside a claim or a question."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from classify.models.windows import Window, windows
from classify.models.words import stem, words
from classify.signals.query import share, telling

#: Windows that are read beside one text.
_MOST = 6
_MOST_CHARACTERS = 60_000


def nearest(text: str, against: Sequence[str], tokens: int) -> list[str]:
    """The windows of ``tokens`` that share most of the text's telling words; of two alike the
    earlier. At least one."""
    asked = telling(text)
    found = [
        (share(asked, stems), window.text)
        for each in against
        for window, stems in _windows(each[:_MOST_CHARACTERS], tokens)
    ]
    best = sorted(range(len(found)), key=lambda i: (-found[i][0], i))[:_MOST]
    return [found[i][1] for i in sorted(best)]


@lru_cache(maxsize=64)
def _windows(text: str, tokens: int) -> tuple[tuple[Window, frozenset[str]], ...]:
    return tuple(
        (window, frozenset(map(stem, words(window.text)))) for window in windows(text, tokens)
    )
