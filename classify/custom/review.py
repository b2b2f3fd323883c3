"""What a classifier says of real traffic, for people to trust it or not: the rows nearest to its
examples, the most doubtful ones, how many it fails, and who says much the same."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from classify.custom import traffic
from classify.custom.answers import Duplicate, Shown
from classify.custom.classifier_definition import Definition, plain
from classify.custom.classifier_store import Record
from clickhouse.span import Span

#: Rows that are shown to confirm or reject.
SHOWN = 10
#: Classifiers that share more than this of what they fail are near-duplicates (Jaccard).
_DUPLICATE, _DUPLICATE_LEAST = 0.6, 3
#: A sample of the traffic serves several answers of one review.
_SAMPLE_SECONDS = 120.0
_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Review:
    """``expected_fail_rate``: of ``sampled`` rows, None where there were none."""

    nearest: list[Shown] = field(default_factory=list)
    borderline: list[Shown] = field(default_factory=list)
    expected_fail_rate: float | None = None
    sampled: int = 0
    near_duplicates: list[Duplicate] = field(default_factory=list)


@dataclass(slots=True)
class _Cached:
    at: float
    key: tuple[Any, ...]
    sample: traffic.Sample


class Reviewer:
    """``classifiers``: the built-in ones' names. Not for several threads at once."""

    def __init__(self, database: str, classifiers: Sequence[str]) -> None:
        self._database = database
        self._classifiers = classifiers
        self._cached: _Cached | None = None

    def forget(self) -> None:
        """Take another sample of the traffic the next time."""
        self._cached = None

    def sample(self, client: Client, definition: Definition, project: str) -> traffic.Sample:
        """Of the rows that it looks at. ``project``: whose; ALL for all."""
        key = (definition.on, tuple(definition.kinds), tuple(definition.services), project)
        cached = self._cached
        if cached and cached.key == key and time.monotonic() - cached.at < _SAMPLE_SECONDS:
            return cached.sample
        found = traffic.sample(client, self._database, definition, self._classifiers, project)
        self._cached = _Cached(time.monotonic(), key, found)
        return found

    def review(self, client: Client, record: Record) -> Review:
        """What it says of rows that nobody has marked yet."""
        definition = record.definition
        if definition.fail_if or definition.only:
            return self._by_judging(client, record)
        return self._by_vectors(client, record)

    def _by_vectors(self, client: Client, record: Record) -> Review:
        found = self.sample(client, record.definition, record.project)
        if not len(found):
            return Review()
        member = record.member
        scores = member.score_rows(found.vectors, found.texts)
        fails = {int(i) for i in np.flatnonzero(scores >= member.threshold)}
        marked = {(each.trace_id, each.span_id) for each in record.definition.examples}
        texts = {plain(" ".join(each.texts)) for each in record.definition.examples}
        by_score = np.argsort(-scores, kind="stable")
        by_doubt = np.argsort(np.abs(scores - member.threshold), kind="stable")
        nearest = self._shown(client, record, found, scores, by_score, marked, set(texts))
        taken = marked | {(each.trace_id, each.span_id) for each in nearest}
        texts |= {plain(each.text) for each in nearest}
        borderline = self._shown(client, record, found, scores, by_doubt, taken, texts)
        return Review(
            nearest,
            borderline,
            len(fails) / len(found),
            len(found),
            _duplicates(record.name, fails, found.failed),
        )

    def _shown(
        self,
        client: Client,
        record: Record,
        found: traffic.Sample,
        scores: Any,
        order: Any,
        without: set[tuple[str, str]],
        texts: set[str],
    ) -> list[Shown]:
        """The first rows of an order whose texts differ from each other and from ``texts``."""
        shown: list[Shown] = []
        for start in range(0, min(len(order), 5 * SHOWN * SHOWN), 5 * SHOWN):
            ids = [
                (found.trace_ids[i], found.span_ids[i]) for i in order[start : start + 5 * SHOWN]
            ]
            on = record.definition.on
            stored = traffic.texts_for(client, self._database, on, ids, record.project)
            for i, each in zip(order[start:], ids, strict=False):
                text = "\n".join(stored.get(each, ()))
                if not text or each in without or plain(text) in texts:
                    continue
                texts.add(plain(text))
                shown.append(
                    Shown(
                        trace_id=each[0],
                        span_id=each[1],
                        score=round(float(scores[i]), 4),
                        text=text[:_TEXT],
                    )
                )
                if len(shown) == SHOWN:
                    return shown
        return shown

    def _by_judging(self, client: Client, record: Record) -> Review:
        """Rules look at whole rows and traces: the newest traces are judged as the job will."""
        member = record.member
        services = record.definition.services
        newest = traffic.newest_traces(client, self._database, services, record.project)
        rows = traffic.subjects(member, newest)
        verdicts = list(zip(rows, member.judge(rows), strict=True))
        judged = [(row, v) for row, v in verdicts if v.label in ("pass", "fail")]
        if not judged:
            return Review()
        failed = [(row, v) for row, v in judged if v.label == "fail"]
        failed.sort(key=lambda each: -each[1].score)
        doubtful = sorted(
            (each for each in judged if 0 < each[1].score < 1),
            key=lambda each: abs(each[1].score - member.threshold),
        )
        return Review(
            [_row(row.span, v.score, v.evidence) for row, v in failed[:SHOWN]],
            [_row(row.span, round(v.score, 4), row.span.output) for row, v in doubtful[:SHOWN]],
            len(failed) / len(judged),
            len(judged),
        )


def _row(span: Span, score: float, text: str) -> Shown:
    return Shown(trace_id=span.trace_id, span_id=span.span_id, score=score, text=text[:_TEXT])


def _duplicates(name: str, fails: set[int], failed: dict[str, set[int]]) -> list[Duplicate]:
    found = [
        Duplicate(name=other, overlap=round(len(fails & theirs) / len(fails | theirs), 3))
        for other, theirs in failed.items()
        if other != name and len(fails & theirs) >= _DUPLICATE_LEAST
    ]
    return sorted(
        (each for each in found if each.overlap >= _DUPLICATE), key=lambda each: -each.overlap
    )
