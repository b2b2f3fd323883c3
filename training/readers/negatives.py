"""Hard negatives: documents whose words are near a query's (BM25), and of the same topic."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from training.record import Record

WORD = re.compile(r"[a-z0-9]{2,}")
COMMON = frozenset(
    "the of and to in is was for on as by with that it at from are be an or which who what when"
    " where how did does do has have had were this his her their its not but can will would".split()
)


def words(text: str) -> list[str]:
    """The text's words without the commonest."""
    return [w for w in WORD.findall(text.lower()) if w not in COMMON]


class Index:
    """BM25 (k1 1.2, b 0.75) over a list of texts."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.lowered = [text.lower() for text in texts]
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.lengths = []
        for number, text in enumerate(texts):
            counts = Counter(words(text))
            self.lengths.append(sum(counts.values()))
            for word, count in counts.items():
                self.postings[word].append((number, count))
        self.mean = max(1.0, sum(self.lengths) / max(1, len(texts)))

    def ranked(self, query: str) -> list[int]:
        """Numbers of the texts that share a word with the query, best first."""
        scores: dict[int, float] = defaultdict(float)
        total = len(self.texts)
        for word in set(words(query)):
            held = self.postings.get(word, [])
            weight = math.log(1 + (total - len(held) + 0.5) / (len(held) + 0.5))
            for number, count in held:
                length = 0.25 + 0.75 * self.lengths[number] / self.mean
                scores[number] += weight * count * 2.2 / (count + 1.2 * length)
        return sorted(scores, key=lambda number: (-scores[number], number))

    def near(self, query: str, skip: Collection[int], without: str = "", at: int = 0) -> int | None:
        """The `at`-th best text outside `skip` that does not contain the text `without`."""
        hidden = without.lower()
        for number in self.ranked(query)[:60]:
            if number in skip or (hidden and hidden in self.lowered[number]):
                continue
            if at == 0:
                return number
            at -= 1
        return None


def off_topic(records: Sequence[Record]) -> Iterator[Record]:
    """For each query of retrieval_relevance with the document that answers it, another document of
    the same source, by chance: what comes back where an index or a filter is wrong."""
    right = [r for r in records if r.task == "retrieval_relevance" and r.label == 0.0]
    for number, record in enumerate(right):
        other = right[(number * 7919 + 4243) % len(right)]
        if other.context != record.context and other.input != record.input:
            yield Record(
                record.task,
                1.0,
                "off_topic/" + record.kind.rpartition("/")[2],
                input=record.input,
                context=list(other.context),
                licence=record.licence,
            )
