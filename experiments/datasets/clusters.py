"""Groups questions by what they are about, names each group, and picks from each.

Average-linkage clustering of unit vectors by cosine distance (scipy): no number of groups to guess,
and the same answer every time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

Floats = NDArray[np.float32]

#: Mean cosine distance within which two groups are one.
ONE_TOPIC = 0.45
_WORD = re.compile(r"[^\W\d_]{3,}")
# Words that name no topic. Short on purpose: what is frequent everywhere drops out by itself.
_EMPTY = frozenset(
    "the and for you your that this with have has had was were are can could would should please"
    " what when where which who how why not but from about there here they them then than will"
    " just been does did don into out our its any all some want need get got like more user name"
    " person example com hello thanks thank der die das und ist ich mit les des une est que los"
    " las por para con".split()
)


def clusters(vectors: Floats) -> list[int]:
    """Group of each vector, from 1, the largest group first. Shape (rows, dimensions)."""
    count = len(vectors)
    if count < 2:
        return [1] * count
    # Rounding puts the distance of equal vectors a little below 0, which linkage refuses.
    products = np.clip(1.0 - vectors.astype(np.float64) @ vectors.astype(np.float64).T, 0.0, 2.0)
    distances = products[np.triu_indices(count, 1)]
    labels = fcluster(linkage(distances, "average"), ONE_TOPIC, "distance")
    sizes = Counter(labels.tolist())
    first = {label: int(np.argmax(labels == label)) for label in sizes}
    order = sorted(sizes, key=lambda label: (-sizes[label], first[label]))
    number = {label: i for i, label in enumerate(order, 1)}
    return [number[label] for label in labels.tolist()]


def topics(texts: Sequence[str], groups: Sequence[int], words: int = 3) -> dict[int, str]:
    """Group to the words that tell it from the others: frequent in it, rare elsewhere."""
    within: dict[int, Counter[str]] = {}
    overall: Counter[str] = Counter()
    for text, group in zip(texts, groups, strict=True):
        found = set(_WORD.findall(text.lower())) - _EMPTY
        within.setdefault(group, Counter()).update(found)
        overall.update(found)
    total = len(texts)
    sizes = Counter(groups)
    named: dict[int, str] = {}
    for group, counts in within.items():

        def telling(word: str, counts: Counter[str] = counts, size: int = sizes[group]) -> float:
            elsewhere = (overall[word] - counts[word] + 0.5) / (total - size + 1)
            return (counts[word] / size) * log((counts[word] + 0.5) / (size + 1) / elsewhere + 1)

        best = sorted(counts, key=lambda word: (-telling(word), word))[:words]
        named[group] = ", ".join(best) or "no words"
    return named


def chosen(
    vectors: Floats, groups: Sequence[int], most: int, kept: Sequence[int] = ()
) -> list[list[int]]:
    """At most ``most`` rows of each group, groups in order: those in ``kept`` first, then the one
    in the middle, then always the one that is farthest from those chosen already."""
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    held = set(kept)
    found = []
    for group in sorted(members):
        rows = members[group]
        picked = [row for row in rows if row in held]
        left = [row for row in rows if row not in held]
        if not picked and left:
            centre = vectors[rows].mean(axis=0)
            middle = max(left, key=lambda row: (float(vectors[row] @ centre), -row))
            picked.append(middle)
            left.remove(middle)
        while left and len(picked) < most:
            nearest = (vectors[left] @ vectors[picked].T).max(axis=1)
            picked.append(left.pop(int(np.argmin(nearest))))
        found.append(picked)
    return found
