"""Heads learned from vectors that are made up: clouds around directions, in 64 dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from classify.custom.fewshot import Floats, Head, learn

NONE = np.zeros((0, 64), np.float32)


def cloud(seed: int, size: int, spread: float = 0.1) -> Floats:
    """Unit vectors around one direction, which the seed draws."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=64) / 8 + spread * rng.normal(size=(size, 64))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def traffic(clouds: int = 20, each: int = 30) -> Floats:
    return np.concatenate([cloud(100 + i, each) for i in range(clouds)])


def fails(head: Head, rows: Floats) -> float:
    return float((head.score(rows) >= head.threshold).mean())


def test_four_examples_find_their_like_and_leave_the_rest() -> None:
    wanted = cloud(1, 200)
    head = learn(wanted[:4], NONE, traffic())
    assert (head.enough, head.reason) == (True, "")
    assert fails(head, wanted) > 0.95
    assert fails(head, traffic()) < 0.02
    assert head.quality == {"positives": 4}, "four say nothing of how good it is"


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
def test_what_is_looked_for_may_be_rare_or_frequent_in_the_traffic(share: float) -> None:
    others = traffic()
    background = np.concatenate([others, cloud(1, round(share * len(others)))])
    head = learn(cloud(1, 300)[-4:], NONE, background)
    assert fails(head, cloud(1, 200)) > 0.8
    assert fails(head, others) < 0.02


def test_a_confirmed_negative_takes_its_neighbourhood_along() -> None:
    wanted, close = cloud(1, 100), cloud(1, 100, 0.12)
    turned = close + 0.5 * cloud(2, 1)
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    before = learn(wanted[:4], NONE, traffic())
    after = learn(wanted[:4], turned[:3], traffic())
    assert fails(before, turned) > fails(after, turned) + 0.3
    assert fails(after, wanted) > 0.9


def test_what_is_stored_judges_alike() -> None:
    head = learn(cloud(1, 5), cloud(3, 2), traffic())
    data = head.to_bytes()
    assert len(data) < 262_144
    again = Head.from_bytes(data)
    rows = np.concatenate([cloud(1, 50), traffic(20, 5)])
    assert np.allclose(again.score(rows), head.score(rows), atol=0.05)
    assert fails(again, cloud(1, 5)) == 1.0


def test_scores_stay_apart_far_below_the_threshold() -> None:
    head = learn(cloud(1, 4), NONE, traffic())
    scores = head.score(traffic())
    assert len(np.unique(scores)) == len(scores)
    assert ((scores > 0) & (scores < 1)).all()


def test_examples_fail_even_where_they_have_little_in_common() -> None:
    mixed = np.concatenate([cloud(i, 1) for i in (1, 2, 3, 4)])
    assert fails(learn(mixed, NONE, traffic()), mixed) == 1.0


def test_little_traffic_and_few_examples() -> None:
    two = learn(cloud(1, 2), NONE, traffic())
    assert not two.enough
    assert "2 positive examples are too few" in two.reason
    alone = learn(cloud(1, 4), NONE, NONE)
    assert not alone.enough
    assert "too little other traffic" in alone.reason
    assert fails(alone, cloud(1, 50)) > 0.8
    assert fails(alone, traffic()) < 0.1
    assert learn(cloud(1, 4), cloud(9, 10), NONE).enough
