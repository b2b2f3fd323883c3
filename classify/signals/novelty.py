"""How much of a claim is not in its sources: words, runs of words, numbers, names.

On sources that nothing was trained on, these shares alone tell unfaithful answers from faithful
ones better than most learned detectors do. A share is NaN where the claim has nothing of the kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from classify.models.words import EMPTY, stem, words
from classify.signals import numerals
from classify.signals.grounds import Grounds, content, names

#: Numbers of a claim that others may be reckoned from.
_MOST = 12


def new_pairs(claim: str, grounds: Grounds) -> float:
    """Share of the runs of two telling words."""
    telling = [stem(word) for word in words(claim) if word not in EMPTY]
    return _share([each not in grounds.pairs for each in set(pairwise(telling))])


def unsourced_words(answer: str, grounds: Grounds) -> float:
    """Share of the telling words that no source has, whatever was said besides."""
    return _share([each not in grounds.source_stems for each in content(answer)])


def unsourced_pairs(answer: str, grounds: Grounds) -> float:
    """Share of the runs of two telling words that no source has, whatever was said besides."""
    telling = [stem(word) for word in words(answer) if word not in EMPTY]
    return _share([each not in grounds.source_pairs for each in set(pairwise(telling))])


def new_triples(claim: str, grounds: Grounds) -> float:
    """Share of the runs of three words."""
    all_words = [stem(word) for word in words(claim)]
    runs = set(zip(all_words, all_words[1:], all_words[2:], strict=False))
    return _share([each not in grounds.triples for each in runs])


def new_numbers(claim: str, grounds: Grounds) -> float:
    """How many numbers, at most 3; rounded ones are none."""
    return float(min(3, len(strange_numbers(claim, grounds))))


def new_names(claim: str, grounds: Grounds) -> float:
    """How many words with a capital letter, at most 3."""
    return float(min(3, len(strange_names(claim, grounds))))


def strange_numbers(claim: str, grounds: Grounds) -> list[tuple[float, int, int]]:
    """(value, start, end) of those that are neither there, nor a rounding of one there, nor
    reckoned in the claim itself: 222 of '725 - 503 = 222'."""
    found = numerals.numerals(claim)
    told = {value for value, _, _ in found[:_MOST]}
    reckoned = {round(result, 2) for a in told for b in told if a != b for result in (a - b, a + b)}
    return [
        each
        for each in found
        if not numerals.among(each[0], grounds.values)
        and not numerals.rounded(each[0], grounds.values)
        and not any(
            numerals.near(other, grounds.values)
            for other in numerals.converted(each[0], claim, each[2])
        )
        and not (len(told) > 2 and round(each[0], 2) in reckoned)
    ]


def strange_names(claim: str, grounds: Grounds) -> list[str]:
    """Names of which neither the word nor its stem is there; a month is there by its number."""
    found = []
    for name in names(claim):
        lower = name.lower().removesuffix("'s").removesuffix("’s")
        if lower in EMPTY or numerals.MONTHS.get(lower) in grounds.values:
            continue
        parts = words(lower)
        if parts and not all(p in grounds.words or stem(p) in grounds.stems for p in parts):
            found.append(name)
    return found


def _share(each: Sequence[bool]) -> float:
    return sum(each) / len(each) if each else math.nan
