"""A custom classifier at work: a `Classifier` like the built-in ones, made of data.

Runs in worker processes; travels there pickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from classify.classifier import NOT_APPLICABLE, Layer, Subject, Unit
from classify.custom.blend import Blend
from classify.custom.classifier_definition import ALL, Definition, full_name
from classify.custom.fewshot import THRESHOLD, Head
from classify.custom.head import read
from classify.custom.texts import shown, texts_of
from classify.custom.vectors import Floats, current
from classify.models.evidence import quoted
from clickhouse.span import Span, Verdict

#: A rule's verdict: it holds or it does not.
_FAILS, _PASSES = 1.0, 0.0


class Member:
    """``head``: what was learned, b'' for rules alone. ``version``: of what was learned.
    ``project``: whose rows it is asked about; ALL for all."""

    layer: Layer = "quality"
    needs: tuple[str, ...] = ()

    def __init__(
        self, definition: Definition, head: bytes, version: int, project: str = ALL
    ) -> None:
        self.definition = definition
        self.project = project
        self.name = full_name(definition.name, project)
        self.description = definition.describe
        self.version = version
        whole = definition.unit == "trace" or (definition.learns and definition.on == "steps")
        self.unit: Unit = "trace" if whole else "span"
        self.step_kinds = frozenset(() if whole else definition.kinds)
        self._head: Head | Blend | None = read(head) if head else None
        calibrated = self._head.threshold if self._head else THRESHOLD
        self.threshold = definition.threshold or calibrated

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        found = [NOT_APPLICABLE] * len(subjects)
        chosen = [
            i
            for i, subject in enumerate(subjects)
            if self._is_asked(subject)
            and all(c.holds(subject, self._seen(subject)) for c in self.definition.only)
        ]
        rules = {i: self._by_rules(subjects[i]) for i in chosen} if self.definition.fail_if else {}
        if not self.definition.learns:
            for i, verdict in rules.items():
                found[i] = verdict
            return found
        if rules and self.definition.together == "and":
            # What the rules pass needs no encoder.
            for i, verdict in rules.items():
                found[i] = verdict
            chosen = [i for i in chosen if rules[i].label == "fail"]
        texts = {
            i: texts_of(self.definition.on, subjects[i].span, subjects[i].trace) for i in chosen
        }
        texts = {i: each for i, each in texts.items() if each}
        scores = self.scores(list(texts.values()))
        for i, score in zip(texts, scores, strict=True):
            found[i] = self._verdict(float(score), texts[i], rules.get(i))
        for i in chosen:
            if i not in texts:
                alone = self.definition.together == "or"
                found[i] = rules.get(i, NOT_APPLICABLE) if alone else NOT_APPLICABLE
        return found

    def scores(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Of the head alone, shape (len(texts),)."""
        return self.score_rows(joined(texts), list(map(in_one, texts))) if texts else np.zeros(0)

    def score_rows(self, vectors: Floats, texts: Sequence[str]) -> NDArray[np.float64]:
        """Of vectors as `joined` makes them, and texts as `in_one` does."""
        assert self._head is not None
        return np.asarray(self._head.score(vectors, texts), np.float64)

    def _by_rules(self, subject: Subject) -> Verdict:
        spans = self._seen(subject)
        reasons = [condition.holds(subject, spans) for condition in self.definition.fail_if]
        said = [reason for reason in reasons if reason]
        enough = len(reasons) if self.definition.combine == "all" else 1
        if len(said) < enough:
            return Verdict("pass", _PASSES)
        return Verdict("fail", _FAILS, quoted("", "; ".join(said)))

    def _is_asked(self, subject: Subject) -> bool:
        """Whether it is of a service that it looks at."""
        services = self.definition.services
        return not services or subject.span.service_name in services

    def _seen(self, subject: Subject) -> tuple[Span, ...]:
        return subject.trace.spans if self.unit == "trace" else (subject.span,)

    def _verdict(self, score: float, texts: Sequence[str], rule: Verdict | None) -> Verdict:
        fails = score >= self.threshold
        where = self.definition.on if len(texts) == 1 else "output"
        evidence = quoted(where, texts[-1]) if fails else ""
        if rule is not None:
            if self.definition.together == "and":
                evidence = quoted("", f"{rule.evidence}; {evidence}") if fails else ""
            elif rule.label == "fail":
                return Verdict("fail", max(score, rule.score), rule.evidence)
        return Verdict("fail", score, evidence) if fails else Verdict("pass", score)


def in_one(texts: Sequence[str]) -> str:
    """What words and numbers are read of."""
    return "\n".join(map(shown, texts))


def joined(texts: Sequence[Sequence[str]]) -> Floats:
    """The vectors of each example or row; those of input and output side by side, so that the
    product of two is the mean of both products."""
    width = len(texts[0])
    flat = current().of([text for each in texts for text in each])
    return np.ascontiguousarray(flat.reshape(len(texts), -1) / np.sqrt(np.float32(width)))


@dataclass(frozen=True)
class Members:
    """What judges, at one moment. ``revision``: rows of an older one are due; 0 where nothing is
    live. ``kept``: names of disabled ones, whose verdicts stay. ``removed``: those whose go.
    ``aside``: live ones whose record can't be read; every row waits for their verdict."""

    revision: int = 0
    members: tuple[Member, ...] = ()
    kept: frozenset[str] = frozenset()
    removed: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()

    def pickled(self) -> bytes:
        """For a worker process."""
        return pickle.dumps(self)


@lru_cache(maxsize=4)
def unpickled(data: bytes) -> Members:
    """In the worker, once for each change."""
    if not data:
        return Members()
    found: Members = pickle.loads(data)  # noqa: S301 - our own
    return found
