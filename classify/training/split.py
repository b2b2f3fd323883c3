"""Near-duplicate groups, and splits that cut neither a group nor, when asked, a source.

Groups: word-trigram shingles, one-permutation MinHash of 32 bins (Li, Owen and Zhang 2012) with
rotation for empty bins (Shrivastava and Li 2014), 8 bands of 4 bins, joined by union-find. Two
texts at Jaccard 0.8 share a band with probability 0.98, at 0.4 with 0.19.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

from classify.training.record import Record

BINS, BAND = 32, 4
WORD = re.compile(r"\w+")


def signature(text: str) -> tuple[int, ...]:
    """The text's MinHash, one number a bin; equal texts (case, punctuation apart) are equal."""
    words = WORD.findall(text.lower())
    shingles = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    bins: list[int | None] = [None] * BINS
    for shingle in shingles:
        # crc32 is linear: the multiplication spreads its high bits before they pick a bin.
        value = (crc32(shingle.encode()) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        slot, value = value >> 59, value & 0x7FFFFFFFFFFFFFF
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
    """Fill `group` of every record: the smallest id of its near-duplicates."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[tuple[int, tuple[int, ...]], str] = {}
    for record in records:
        marks = signature(record.text())
        for start in range(0, BINS, BAND):
            other = first.setdefault((start, marks[start : start + BAND]), record.id)
            a, b = sorted((root(other), root(record.id)))
            parent[b] = a
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
