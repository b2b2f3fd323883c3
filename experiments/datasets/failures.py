"""Chooses failing rows: near-duplicates out, the rest in groups, a few of each group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from experiments.datasets.clusters import chosen, clusters, topics
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.duplicates import originals
from experiments.datasets.item import Item
from experiments.datasets.pool import Candidate, Floats, candidate_of, candidates, step_of
from experiments.datasets.select import Found
from experiments.datasets.source import Kept, Source

_OUTER = ("agent", "chain")


@dataclass(slots=True, frozen=True)
class Group:
    """One group of questions: what it is about, and how many rows (near-duplicates included) and
    chosen ones it has."""

    cluster: int
    topic: str
    rows: int
    items: int


@dataclass(slots=True, frozen=True)
class Chosen:
    """``candidates`` with their ``vectors``, each one's group number, and near-duplicates ``seen``,
    itself included; ``duplicates``: rows that were dropped as such."""

    candidates: list[Candidate]
    vectors: Floats
    cluster: list[int]
    seen: list[int]
    groups: list[Group]
    duplicates: int

    def placed(self, items: list[Item]) -> list[Item]:
        """The items of the candidates, told where they stand."""
        topics = {group.cluster: group.topic for group in self.groups}
        return [
            item.model_copy(update={"cluster": cluster, "topic": topics[cluster], "seen": seen})
            for item, cluster, seen in zip(items, self.cluster, self.seen, strict=True)
        ]


def choose(source: Source, definition: Definition, found: Found, kept: Kept) -> Chosen:
    """Those that are kept first; what repeats one of them adds to its ``seen``."""
    old = [candidate_of(item) for item in kept.failures]
    known = {candidate.id for candidate in old} | kept.retired.keys()
    read = candidates(source.rows, found.places, source.columns)
    rows = own(read)
    pool = [*old, *(row for row in rows if row.id not in known)]
    vectors = source.vectors([each.asked.about for each in pool])
    repeats = originals(
        [each.asked.wording for each in pool],
        [step_of(each.traits) for each in pool],
        vectors,
        len(old),
    )
    seen = Counter(repeats)
    single = sorted(seen)
    cluster = clusters(vectors[single])
    named = topics([pool[row].asked.about for row in single], cluster)
    held = [i for i, row in enumerate(single) if row < len(old)]
    picked = chosen(vectors[single], cluster, definition.per_cluster, held)
    taken = limited(picked, definition.limit, held)
    sizes: Counter[int] = Counter()
    for row, group in zip(single, cluster, strict=True):
        sizes[group] += seen[row]
    in_group = Counter(cluster[i] for i in taken)
    return Chosen(
        [pool[single[i]] for i in taken],
        vectors[[single[i] for i in taken]],
        [cluster[i] for i in taken],
        [seen[single[i]] for i in taken],
        [Group(g, named[g], sizes[g], in_group[g]) for g in sorted(named)],
        len(pool) - len(single) + len(read) - len(rows),
    )


def own(rows: list[Candidate]) -> list[Candidate]:
    """Without agents and chains that only hand on what a failing step below them did."""
    inner = {c.place.trace_id for c in rows if c.traits.step_kind not in _OUTER}
    return [c for c in rows if c.traits.step_kind not in _OUTER or c.place.trace_id not in inner]


def limited(picked: list[list[int]], limit: int, kept: list[int]) -> list[int]:
    """One of each group in turn, up to ``limit`` (0: all); those in ``kept`` always."""
    if not limit:
        return sorted(row for group in picked for row in group)
    taken = list(kept)
    for turn in range(max(map(len, picked), default=0)):
        for group in picked:
            if turn < len(group) and len(taken) < limit and group[turn] not in taken:
                taken.append(group[turn])
    return sorted(taken)
