"""Drift: quiet where nothing moved, loud where it did, and told in words."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.datasets import dataset_store
from experiments.datasets.build import build
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.drift import Inputs, Measured, by_length, measure, mmd, psi, wilson_low
from experiments.datasets.errors import DatasetError
from experiments.datasets.item import Version
from experiments.datasets.measure import measured
from experiments.datasets.reference import radius
from experiments.datasets.source import Source
from tests.experiments.datasets.traffic import NOW, TOPICS, Ask, insert

Floats = NDArray[np.float32]


def about(rng: np.random.Generator, topics: list[int], count: int) -> Floats:
    """Unit vectors around some of ten directions."""
    centres = np.eye(64)[:10]
    found = centres[rng.choice(topics, count)] + rng.normal(0, 0.08, (count, 64))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def inputs(vectors: Floats, **values: list[str] | list[int]) -> Inputs:
    count = len(vectors)
    return Inputs(
        vectors,
        values.get("characters", [100] * count),  # type: ignore[arg-type]
        values.get("models", ["m"] * count),  # type: ignore[arg-type]
        values.get("prompts", ["1"] * count),  # type: ignore[arg-type]
    )


def compared(then: Floats, now: Floats, items: Floats, **values: list[str]) -> Measured:
    return measure(items, radius(then, items), inputs(then), inputs(now, **values))


def test_the_same_traffic_is_rarely_called_moved() -> None:
    """Over 60 draws of unmoved traffic, at most what the levels promise, with room for luck."""
    rng = np.random.default_rng(1)
    topics = list(range(6))
    verdicts = []
    p_values = []
    for _ in range(60):
        then, now = about(rng, topics, 150), about(rng, topics, 150)
        found = compared(then, now, about(rng, topics, 30))
        verdicts.append(found.verdict)
        p_values.append(found.mmd_p)
    assert verdicts.count("stale") == 0
    assert verdicts.count("fresh") >= 54
    # p-values of a true null are spread evenly.
    assert 0.3 < float(np.mean(p_values)) < 0.7


def test_another_mix_of_the_same_topics_is_shifting() -> None:
    rng = np.random.default_rng(2)
    then = about(rng, [0, 1, 2, 3], 200)
    now = about(rng, [0, 0, 0, 0, 0, 0, 1, 2, 3], 200)
    found = compared(then, now, about(rng, [0, 1, 2, 3], 40))
    assert found.verdict == "shifting"
    assert found.psi["topic"] > 0.1
    assert found.mmd_p < 0.01
    assert "the mix by topic has moved" in found.told
    assert "refresh it when it suits you" in found.told


def test_topics_that_no_item_is_about_make_it_stale() -> None:
    rng = np.random.default_rng(3)
    then = about(rng, [0, 1, 2], 200)
    now = np.concatenate([about(rng, [0, 1, 2], 140), about(rng, [7, 8], 60)])
    found = compared(then, now, about(rng, [0, 1, 2], 40))
    assert found.verdict == "stale"
    assert 0.28 < found.uncovered < 0.36
    assert found.uncovered_low < found.uncovered
    assert found.uncovered_then <= 0.05
    assert "run `everyspan dataset refresh`" in found.told


def test_a_new_model_is_a_shift_though_the_questions_stayed() -> None:
    rng = np.random.default_rng(4)
    then, now = about(rng, [0, 1], 150), about(rng, [0, 1], 150)
    found = compared(then, now, about(rng, [0, 1], 20), models=["m2"] * 150)
    assert found.verdict == "shifting"
    assert "by model has moved strongly" in found.told
    assert found.mmd_p > 0.01


def test_few_inputs_are_no_answer() -> None:
    rng = np.random.default_rng(5)
    then = about(rng, [0], 200)
    found = compared(then, about(rng, [5], 20), about(rng, [0], 5))
    assert found.verdict == "unknown"
    assert "20 now, 50 are needed" in found.told


def test_psi_against_its_definition() -> None:
    then, now = ["a"] * 50 + ["b"] * 50, ["a"] * 80 + ["b"] * 20
    value, chance = psi(then, now)
    p, q = np.array([50.5, 50.5]) / 101, np.array([80.5, 20.5]) / 101
    assert value == pytest.approx(float(((q - p) * np.log(q / p)).sum()), abs=1e-4)
    # 3.841 is the 95 % point of χ² with one degree of freedom.
    assert chance == pytest.approx(3.841 * 0.02, abs=1e-3)
    assert psi(["a"], ["a"]) == (0.0, 0.0)


def test_psi_stays_under_its_chance_value_95_times_of_100() -> None:
    rng = np.random.default_rng(6)
    over = 0
    for _ in range(400):
        then, now = (rng.choice(list("abcde"), 200).tolist() for _ in range(2))
        value, chance = psi(then, now)
        over += value > chance
    assert 0.02 < over / 400 < 0.08


def test_lengths_are_cut_at_the_quantiles_of_then() -> None:
    then = list(range(800))
    before, after = by_length(then, [0, 799, 10_000])
    assert np.bincount(before).tolist() == [100] * 8
    assert after == [0, 7, 7]


def test_mmd_is_zero_on_average_and_grows_with_the_distance() -> None:
    rng = np.random.default_rng(7)
    nulls = [mmd(about(rng, [0, 1], 60), about(rng, [0, 1], 60))[0] for _ in range(20)]
    assert abs(float(np.mean(nulls))) < 0.01
    near, _ = mmd(about(rng, [0, 0, 1], 60), about(rng, [0, 1], 60))
    far, p = mmd(about(rng, [0], 60), about(rng, [1], 60))
    assert far > near
    assert p < 0.01


def test_wilson() -> None:
    # Newcombe 1998, table I: 81 of 263.
    assert wilson_low(81, 263) == pytest.approx(0.2553, abs=1e-3)
    assert wilson_low(0, 0) == 0.0


def test_production_moves_to_a_topic_that_the_data_set_lacks(source: Source) -> None:
    database = str(source.client.database)
    words = ("Hello,", "Hi,", "Please:", "Question:", "Once more:", "Well,", "So,", "Now,")

    def traffic(names: tuple[str, ...], at_hours: int) -> list[Ask]:
        at = NOW + timedelta(hours=at_hours)
        return [
            Ask(f"{word} {question}", at=at, failed=("hallucination",) if not i else ())
            for name in names
            for question in TOPICS[name]
            for i, word in enumerate(words)
        ]

    insert(source.client, database, traffic(("refund", "login"), -2))
    definition = Definition(where="hallucination = 'fail'", window_seconds=86_400)
    version = dataset_store.save(
        source.client,
        database,
        build(source, "d", definition, (NOW - timedelta(days=1), NOW), "me"),
    )
    insert(source.client, database, traffic(("refund", "login"), 1))
    quiet, _ = measured(source, version, (NOW, NOW + timedelta(hours=2)), NOW)
    assert quiet.verdict == "fresh", quiet.told
    insert(source.client, database, traffic(("refund", "weather"), 10))
    window = (NOW + timedelta(hours=9), NOW + timedelta(hours=11))
    loud, unlike = measured(source, version, window, NOW)
    assert loud.verdict == "stale", loud.told
    assert loud.uncovered > 0.3
    asked = {q.lower() for q in TOPICS["weather"]}
    assert any(str(each["example"]).split(" ", 1)[1].lower() in asked for each in unlike)
    for drift in (quiet, loud):
        dataset_store.save_drift(source.client, database, drift)
    kept = dataset_store.last_drift(source.client, database)["", version.dataset, version.number]
    assert kept.verdict in ("fresh", "stale")
    row = source.client.query("SELECT version, drift, uncovered FROM datasets").result_rows
    assert row[0][0] == 1
    other = version.model_copy(update={"encoder": "another"})
    with pytest.raises(DatasetError, match="another model for vectors"):
        measured(source, other, window, NOW)
    assert isinstance(version, Version)
