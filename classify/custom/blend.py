"""Learns a head from examples by what texts are about, by their words and by their numbers.

Ridge regression of whether a row fails on three parts of it: its vector, its words, its facts
(wording.py). Examples and answers count as much as the traffic, all of which stands for rows that
pass: few of it fail, and which ones nobody knows (learning from positive and unlabelled rows).
Which part says something differs from failure to failure: a subject is in the vector, a name in the
words, days over the limit in the numbers. So the regression is done for each mixture of
_MIXTURES, and what comes out is their mean, weighed by how well each foretells examples and traffic
that are left out (exact leave-one-out of a ridge: residual / (1 - leverage)).

Examples alone say little of which words matter, and what is looked for may be a subject among many
others: then the likeness to the examples less that to the crowd (fewshot.py) counts as much as the
regression, each in standard deviations of the traffic that is left out. Answers say which words
matter, and with them the regression does better by itself; also where all of the nearest rows
failed, and there was none to say no to.

The threshold is where recall² / (rows that fail) is best, with the recall of a normal distribution
of the left-out examples: it is proportional to precision times recall whatever share fails (Lee &
Liu 2003), so that none is presumed, but that it is _MOST_FAIL at most. Of examples alone it is
moved towards that of fewshot.py, as far as it goes by the vector: a subject is seldom one row in
ten. Answers were given on the nearest rows, and what is yet to be found lies further off: with them
more recall is asked for, but never so much that of the answered rows that would fail more than one
in three passes.
benchmarks/fewshot measures all of it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classify.custom.fewshot import LEAST_POSITIVES, TELLING, THRESHOLD, Head, between, learn
from classify.custom.wording import Facts, Floats, Words

#: Different texts that are learned against at most, and at least: fewer say nothing of words.
MOST, LEAST = 1_000, 50
#: Shares of vector, words and facts.
_MIXTURES = (
    (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 3.0, 0.0),
    (1.0, 1.0, 0.3), (1.0, 3.0, 0.5), (1.0, 0.0, 0.3), (0.0, 1.0, 0.3),
)  # fmt: skip
PARTS = ("vector", "words", "numbers")
#: Of the ridge.
_STRENGTH = 0.03
#: How surely the better mixture is taken, an example.
_SURE = 8.0
#: Of recall in what the threshold is best for: of examples alone, and with answers, which lie so
#: many standard deviations nearer than what is yet to be found.
_POWER, _POWER_ANSWERED, _NEARER = 2.0, 3.0, 0.5
#: Answers that say as much where none of them is no.
MANY_ANSWERS = 10
#: Answered rows that fail, for each that would fail and passes.
_RIGHT = 2
#: Share of the traffic that fails at most.
_MOST_FAIL = 0.3
#: Rows that are added to those that fail: few rows say little of the share.
_ROWS_MORE = 8.0
#: Of the archive.
_FORM = 3
#: Slope of the probability: 0.92 where left-out examples lie.
_STEEP = 2.4
#: Widths over the threshold that an example scores at most: what is over it stays apart.
_WIDEST = 4.0


@dataclass(frozen=True)
class Blend:
    """``centre`` (d) of the vectors, ``direction`` (d), ``word_weights`` (w), ``fact_weights`` (f);
    ``crowd``: its likeness counts too, ``crowd_share`` times; None where it does not.
    probability = sigmoid(_STEEP * (their sum + constant) / width)."""

    centre: Floats
    direction: Floats
    words: Words
    word_weights: Floats
    facts: Facts
    fact_weights: Floats
    constant: float
    width: float = 1.0
    threshold: float = THRESHOLD
    quality: dict[str, Any] = field(default_factory=dict)
    enough: bool = True
    reason: str = ""
    crowd: Head | None = None
    crowd_share: float = 0.0

    def score(self, vectors: NDArray[np.floating], texts: Sequence[str]) -> Floats:
        """Probabilities, shape (n,)."""
        logits = _STEEP * self.plain(vectors, texts) / self.width
        found: Floats = 1.0 / (1.0 + np.exp(np.clip(-logits, -36, 600)))
        return found

    def plain(self, vectors: NDArray[np.floating], texts: Sequence[str]) -> Floats:
        """What the probabilities are made of, shape (n,)."""
        found = _unit(np.asarray(vectors, np.float64) - self.centre) @ self.direction
        found += self.words.weighed(texts, self.word_weights)
        found += self.facts.weighed(texts, self.fact_weights)
        if self.crowd is not None:
            found += self.crowd_share * self.crowd.plain(vectors)
        return found + self.constant

    def to_bytes(self) -> bytes:
        """As a numpy archive: some 100 KB, and as much again with the crowd."""
        file = io.BytesIO()
        crowd = self.crowd.to_bytes() if self.crowd is not None else b""
        np.savez_compressed(
            file,
            form=np.array([_FORM]),
            centre=self.centre.astype(np.float16),
            direction=self.direction.astype(np.float32),
            words=np.array(self.words.keys, np.uint32),
            rarity=self.words.rarity.astype(np.float16),
            word_weights=self.word_weights.astype(np.float32),
            facts=np.array(self.facts.keys, np.uint32),
            sizes=np.array(self.facts.sizes, np.float64),
            usual=np.frombuffer(self.facts.usual.encode(), np.uint8),
            fact_weights=self.fact_weights.astype(np.float32),
            crowd=np.frombuffer(crowd, np.uint8),
            numbers=np.array([self.constant, self.width, self.threshold, self.crowd_share]),
        )
        return file.getvalue()

    @classmethod
    def from_archive(cls, found: Any) -> Blend:
        """Raises ValueError, KeyError or OSError where these are no such bytes."""
        if found["form"].tolist() != [_FORM]:
            raise ValueError("what was learned is of another version")
        constant, width, threshold, crowd_share = map(float, found["numbers"])
        crowd = found["crowd"].tobytes()
        words = Words(tuple(found["words"].tolist()), found["rarity"].astype(np.float64))
        sizes = tuple(float(each) for each in found["sizes"])
        facts = Facts(tuple(found["facts"].tolist()), sizes, found["usual"].tobytes().decode())
        word_weights = found["word_weights"].astype(np.float64)
        fact_weights = found["fact_weights"].astype(np.float64)
        if not (
            len(words.keys) == len(words.rarity) == len(word_weights)
            and len(facts.keys) == len(fact_weights)
        ):
            raise ValueError("as many weights are needed as words and facts")
        return cls(
            found["centre"].astype(np.float64),
            found["direction"].astype(np.float64),
            words,
            word_weights,
            facts,
            fact_weights,
            constant,
            width,
            threshold,
            crowd=Head.from_bytes(crowd) if crowd else None,
            crowd_share=crowd_share,
        )


@dataclass(frozen=True)
class Rows:
    """``vectors``: shape (n, d). ``texts``: what words and numbers are read of, n."""

    vectors: NDArray[np.float32]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def only(self, chosen: Sequence[int]) -> Rows:
        """Those at these positions."""
        return Rows(self.vectors[list(chosen)], [self.texts[i] for i in chosen])


def blend(positives: Rows, negatives: Rows, background: Rows, *, answered: bool = False) -> Blend:
    """Of 2 positives and LEAST of the background at least. ``answered``: MANY_ANSWERS of them are
    answers on the nearest rows; it is presumed where there are negatives."""
    answered = answered or len(negatives) > 0
    if len(background) > MOST:
        background = background.only(np.linspace(0, len(background) - 1, MOST).astype(int).tolist())
    p, n, k = len(positives), len(negatives), len(background)
    told = [*positives.texts, *negatives.texts]
    texts = [*told, *background.texts]
    words, facts = Words.of(background.texts, told), Facts.of(background.texts)
    # As they are read back.
    centre = background.vectors.mean(axis=0).astype(np.float16).astype(np.float64)
    vectors = np.concatenate([positives.vectors, negatives.vectors, background.vectors])
    table, known = words.table(texts), facts.table(texts).astype(np.float64)
    usual_words = table[p + n :].mean(axis=0)
    usual_facts = np.clip(known[p + n :].mean(axis=0), 1 / k, 1 - 1 / k)
    scale = max(sqrt(float(((known[p + n :] - usual_facts) ** 2).sum(axis=1).mean())), 0.3)
    parts: tuple[NDArray[Any], ...] = (
        _unit(vectors.astype(np.float64) - centre),
        table - usual_words,
        (known - usual_facts) / scale,
    )
    fails = np.concatenate([np.ones(p), np.zeros(n + k)])
    counts = 0.5 * np.concatenate([
        np.full(p, 1 / p), np.full(n, 1 / max(p, n)), np.full(k, 1 / k)
    ])  # fmt: skip
    usual = float(counts @ fails / counts.sum())
    fitted = _fitted([(each @ each.T).astype(np.float64) for each in parts], fails - usual, counts)
    left_out = fitted.left_out + usual
    direction, word_weights, fact_weights = (
        np.asarray(part.T @ pull, np.float64)
        for part, pull in zip(parts, fitted.pulls, strict=True)
    )
    fact_weights /= scale
    constant = usual - float(usual_words @ word_weights) - float(usual_facts @ fact_weights)
    head = Blend(centre, direction, words, word_weights, facts, fact_weights, constant)
    if not answered:
        head, left_out = _with_crowd(head, left_out, positives, background)
    middle = _threshold(left_out, p, n, answered=answered, subject=fitted.shares[0])
    own = head.plain(positives.vectors, positives.texts)
    # Every example that taught fails, also when it is read back rounded.
    middle = min(middle, float(own.min()) - 0.005)
    width = max(
        float(left_out[:p].mean()) - middle,
        0.25 * float(left_out[p:].std()),
        (float(own.max()) - middle) / _WIDEST,
        0.02,
    )
    quality: dict[str, Any] = {"positives": p}
    if p >= TELLING:
        beaten = np.mean([np.mean(left_out[p + n :] < each) for each in left_out[:p]])
        quality = {"auroc": round(float(beaten), 4), **quality}
    shares = {name: round(share, 2) for name, share in zip(PARTS, fitted.shares, strict=True)}
    reason = ""
    if p < LEAST_POSITIVES:
        reason = f"{p} positive examples are too few; give {LEAST_POSITIVES} or more"
    return replace(
        head,
        constant=constant - middle,
        width=width,
        quality={**quality, "goes_by": shares},
        enough=not reason,
        reason=reason,
    )


def _with_crowd(
    head: Blend, left_out: Floats, positives: Rows, background: Rows
) -> tuple[Blend, Floats]:
    """Of examples alone: the likeness to them counts as much as the regression."""
    crowd = learn(positives.vectors, positives.vectors[:0], background.vectors)
    if len(crowd.bank) < len(background):
        # What is looked for is a crowd itself, and the likeness says less.
        return head, left_out
    # As it is read back.
    crowd = Head.from_bytes(crowd.to_bytes())
    own, others = crowd.left_out(background.vectors)
    p = len(positives)
    share = float(left_out[p:].std()) / max(float(others.std()), 1e-6)
    return (
        replace(head, crowd=crowd, crowd_share=share),
        left_out + share * np.concatenate([own, others]),
    )


@dataclass(frozen=True)
class _Fitted:
    """``pulls``: what each row adds to a prediction, by its likeness in each of the parts.
    ``left_out``: predictions of each row by the others. ``shares`` of the parts."""

    pulls: tuple[Floats, ...]
    left_out: Floats
    shares: tuple[float, ...]


def _fitted(kernels: Sequence[Floats], wanted: Floats, counts: Floats) -> _Fitted:
    """``kernels``: likeness of rows in each of the parts; ``counts``: what each row counts."""
    mixtures = np.array(_MIXTURES) / np.sum(_MIXTURES, axis=1, keepdims=True)
    pulls, left_out = [], []
    for mixture in mixtures:
        kernel = np.diag(_STRENGTH / counts)
        for share, each in zip(mixture, kernels, strict=True):
            if share:
                kernel += share * each
        inverse = np.linalg.inv(kernel)
        pulls.append(inverse @ wanted)
        left_out.append(wanted - pulls[-1] / np.diag(inverse))
    errors = np.array([float(counts @ (wanted - each) ** 2) for each in left_out])
    trust = np.exp(-_SURE * float((wanted > 0).sum()) * (errors - errors.min()))
    trust /= trust.sum()
    by_part = (trust[:, None] * mixtures).T @ np.array(pulls)
    return _Fitted(
        tuple(by_part), trust @ np.array(left_out), tuple(float(x) for x in trust @ mixtures)
    )


def _threshold(left_out: Floats, p: int, n: int, *, answered: bool, subject: float) -> float:
    """``left_out``: the first p are of examples that fail, the next n of rows that pass.
    ``subject``: how far it goes by what texts are about."""
    reached, passes, traffic = left_out[:p], left_out[p : p + n], left_out[p + n :]
    spread = float(left_out[p:].std())
    wide = max(sqrt((float(((reached - reached.mean()) ** 2).sum()) + spread**2) / (p + 1)), 1e-6)
    middle = float(reached.mean()) - (_NEARER * wide if answered else 0.0)
    steps = np.sort(left_out)
    recall = np.array([0.5 * (1 - erf((each - middle) / wide / sqrt(2))) for each in steps])
    failing = np.arange(len(steps), 0, -1) + _ROWS_MORE
    worth = recall ** (_POWER_ANSWERED if answered else _POWER) / failing
    if n:
        right = (reached[None, :] >= steps[:, None]).sum(axis=1)
        wrong = (passes[None, :] >= steps[:, None]).sum(axis=1)
        worth = np.where(right >= _RIGHT * wrong, worth, 0.0)
    best = int(np.argmax(worth))
    found = float((steps[best] + steps[max(best - 1, 0)]) / 2)
    if not answered:
        found += subject * (between(reached, traffic) - found)
    return max(found, float(np.quantile(traffic, 1 - _MOST_FAIL)))


def _unit(rows: Floats) -> Floats:
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return found
