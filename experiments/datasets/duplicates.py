"""Near-duplicates: the same question to the same step in nearly the same words, numbers aside.

Vectors propose (what is about the same thing), words decide: "cancel my order" and "do not cancel
my order" have close vectors and are two test cases.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

#: Cosine from which two texts are compared word by word.
PROPOSED = 0.6
#: Jaccard index of word trigrams from which they are one.
SAME = 0.6
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")
Floats = NDArray[np.float32]


def shingles(text: str) -> frozenset[str]:
    """Word trigrams; case, punctuation and the value of numbers do not count."""
    words = _WORD.findall(_DIGITS.sub("0", text.lower())) or [text]
    return frozenset(" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2)))


def originals(
    wordings: Sequence[str], steps: Sequence[Hashable], vectors: Floats, known: int = 0
) -> list[int]:
    """For each text the index of the one that it repeats, its own where it is the first.

    Earlier texts come first: the first ``known`` are kept whatever they repeat. Unit vectors, shape
    (len(wordings), n). A text repeats a kept one, never one that was dropped itself, so that a
    chain of small steps does not join its ends.
    """
    grams = [shingles(text) for text in wordings]
    found = list(range(len(wordings)))
    kept: list[int] = []
    for i, mine in enumerate(grams):
        if i >= known and kept:
            close = vectors[kept] @ vectors[i]
            for position in np.argsort(-close, kind="stable"):
                if close[position] < PROPOSED:
                    break
                other = grams[kept[position]]
                if steps[kept[position]] != steps[i]:
                    continue
                if len(mine & other) >= SAME * len(mine | other):
                    found[i] = kept[position]
                    break
        if found[i] == i:
            kept.append(i)
    return found
