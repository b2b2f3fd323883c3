"""Cuts a run of letters without blanks into words."""

from __future__ import annotations

from functools import lru_cache

from classify.signals.phrases import vocabulary
from classify.signals.vocabulary import ENGLISH

_LONGEST_WORD = 16
_LONGEST_RUN = 2_000


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return vocabulary() | ENGLISH


def segmented(run: str) -> str:
    """The cut that leaves the fewest letters outside of known words, of these the one with the
    fewest words. The run as it is where most of it is not known."""
    text = run[:_LONGEST_RUN].lower()
    known = _known()
    if text in known:
        return run
    # At each end: (letters outside, words), and where the last word began.
    best: list[tuple[tuple[int, int], int]] = [((0, 0), 0)]
    for end in range(1, len(text) + 1):
        (outside, count), _ = best[end - 1]
        least = ((outside + 1, count + 1), end - 1)
        for start in range(max(0, end - _LONGEST_WORD), end):
            if text[start:end] in known:
                (outside, count), _ = best[start]
                least = min(least, ((outside, count + 1), start))
        best.append(least)
    if best[-1][0][0] * 2 > len(text):
        return run
    cuts, end = [], len(text)
    while end:
        start = best[end][1]
        cuts.append(run[start:end])
        end = start
    return " ".join(reversed(cuts)) + run[_LONGEST_RUN:]
