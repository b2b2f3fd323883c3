"""Near-duplicate groups, and splits that cut neither a group nor, when asked, a source.

Groups: word-trigram shingles, one-permutation MinHash of 32 bins (Li, Owen and Zhang 2012) with
rotation for empty bins (Shrivastava and Li 2014), 8 bands of 4 bins; texts that share a band are
compared, and joined by union-find. Two texts at Jaccard 0.8 share a band with probability 0.98.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from training.record import Record

BINS, BAND = 32, 4
SAME = 0.5
LISTED = 40
"""Texts of a band that a further one is compared with: bounds the time on frequent shingles."""
WORD = re.compile(r"\w+")


def shingles(text: str) -> frozenset[int]:
    """Hashes, 64 bits, of the text's word trigrams; case and punctuation do not count."""
    words = WORD.findall(text.lower()) or [text]
    grams = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    # crc32 is linear: the multiplication spreads its high bits before they pick a bin.
    return frozenset(
        (crc32(gram.encode(errors="replace")) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        for gram in grams
    )


def signature(grams: frozenset[int]) -> tuple[int, ...]:
    """The MinHash of a set of shingles, one number a bin."""
    bins: list[int | None] = [None] * BINS
    for gram in grams:
        slot, value = gram >> 59, gram & 0x7FFFFFFFFFFFFFF
        held = bins[slot]
        if held is None or value < held:
            bins[slot] = value
    filled: list[int] = []
    for slot in range(BINS):
        step = 0
        while (held := bins[(slot + step) % BINS]) is None:
            step += 1
        filled.append(held + step)
    return tuple(filled)


def group(records: Collection[Record]) -> None:
    """Fill `group` of every record: the smallest id of its near-duplicates.

    A shared band is only a hint (one shingle fills many bins of a short text): two texts are
    joined when their shingles' Jaccard index reaches SAME.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    alike: dict[tuple[int, tuple[int, ...]], list[tuple[str, frozenset[int]]]] = defaultdict(list)
    for record in records:
        grams = shingles(record.text())
        marks = signature(grams)
        for start in range(0, BINS, BAND):
            held = alike[start, marks[start : start + BAND]]
            for name, others in held:
                if len(grams & others) >= SAME * len(grams | others):
                    a, b = sorted((root(name), root(record.id)))
                    parent[b] = a
                    break
            else:
                if len(held) < LISTED:
                    held.append((record.id, grams))
    for record in records:
        record.group = root(record.id)


@dataclass(slots=True)
class Split:
    """Three disjoint lists; `test` holds whole sources when they were held out."""

    train: list[Record]
    validation: list[Record]
    test: list[Record]


def _share(name: str) -> float:
    """A stable number in [0, 1) for a group's name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=6).digest(), "big") / 2**48


def split(
    records: Iterable[Record],
    held_out_sources: Collection[str] = (),
    validation: float = 0.1,
    test: float = 0.1,
) -> Split:
    """Cut by group; with `held_out_sources`, test is exactly these sources.

    A record of another source that shares a group with a held-out one is dropped: it would leak.
    """
    kept = list(records)
    out = set(held_out_sources)
    if unknown := out - {record.source for record in kept}:
        raise ValueError(f"held_out_sources: no records of {sorted(unknown)}; build them first")
    if out:
        tested = [record for record in kept if record.source in out]
        leaks = {record.group for record in tested}
        rest = [r for r in kept if r.source not in out and r.group not in leaks]
        test = 0.0
    else:
        tested, rest = [], kept
    parts = Split([], [], tested)
    for record in rest:
        share = _share(record.group)
        if share < test:
            parts.test.append(record)
        elif share < test + validation:
            parts.validation.append(record)
        else:
            parts.train.append(record)
    return parts


def folds(records: Iterable[Record], k: int) -> Iterator[tuple[list[str], Split]]:
    """Leave-sources-out: the sources dealt into k folds, largest first to the smallest fold.

    Yields (the fold's sources, its split). Every fold gets sources of both labels where there are
    such: sources are dealt a label's majority at a time.
    """
    kept = list(records)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for record in kept:
        counts[record.source][record.label >= 0.5] += 1
    dealt: list[list[str]] = [[] for _ in range(k)]
    size = [[0, 0] for _ in range(k)]
    for name, (healthy, fails) in sorted(counts.items(), key=lambda c: (-max(c[1]), c[0])):
        side = int(fails > healthy)
        at = min(range(k), key=lambda i: (size[i][side], i))
        dealt[at].append(name)
        size[at][0] += healthy
        size[at][1] += fails
    for names in dealt:
        if names:
            yield names, split(kept, names)
