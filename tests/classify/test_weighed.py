"""Signals, weighed: the verdict, what decided it, and what a file may not say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classify.classifier import Subject, Trace
from classify.models.checksums import ModelError
from classify.signals.combiner import Combiner, Logistic, Node, Trees, combiner, deciding, table
from clickhouse.span import Span, Verdict
from tests.classify.weighed_words import WeighedWords


def judged(*outputs: str) -> list[Verdict]:
    spans = [Span("1" * 32, f"{i:016x}", step_kind="llm", output=o) for i, o in enumerate(outputs)]
    return WeighedWords().judge([Subject(span, Trace((span,))) for span in spans])


def test_the_worst_item_counts_and_what_decided_is_said() -> None:
    healthy, bad, loud, silent, foreign = judged(
        "all good", "fine|bad bad bad bad bad bad", "A BAD DAY|BAD" * 3, "", "§ bad bad"
    )
    assert (healthy.label, healthy.evidence) == ("pass", "")
    assert healthy.score == pytest.approx(1 / (1 + math.exp(3)))
    assert bad.label == "fail"
    assert bad.evidence == "says bad, part 2: bad bad bad bad bad bad"
    assert bad.score == pytest.approx(1 / (1 + math.exp(-3)))
    assert loud.label == "pass"
    assert silent.label == "not_applicable"
    assert (foreign.label, foreign.evidence) == ("abstained", "another language")


def test_the_place_of_the_signal_that_decided_is_quoted() -> None:
    classifier = WeighedWords()
    classifier.threshold = 0.2
    span = Span("1" * 32, "1" * 16, step_kind="llm", output="HELLO")
    (verdict,) = classifier.judge([Subject(span, Trace((span,)))])
    assert verdict.evidence == "shouts, part 1: LOUD"
    assert WeighedWords().threshold == 0.9


def test_a_service_has_its_own_limit() -> None:
    classifier = WeighedWords()
    classifier.limits = {"strict": 0.5}
    spans = [
        Span("1" * 32, f"{i:016x}", step_kind="llm", output="bad bad bad bad", service_name=name)
        for i, name in enumerate(("strict", "other"))
    ]
    found = classifier.judge([Subject(span, Trace((span,))) for span in spans])
    assert [each.label for each in found] == ["fail", "pass"]


LOGISTIC = Logistic(signals=["a", "b"], mean=[1, 0], scale=[2, 1], weights=[4, -1], bias=0.5)
TREES = Trees(
    signals=["a", "b"],
    bias=0.5,
    trees=[
        [
            Node(signal=0, split=2.0, left=1, right=2, nan_left=True),
            Node(value=-1.0),
            Node(signal=1, split=0.0, left=3, right=4, nan_left=False),
            Node(value=1.0),
            Node(value=2.0),
        ]
    ],
)


def test_logits() -> None:
    rows = table(["a", "b"], [{"a": 3.0, "b": 1.0}, {"a": 1.0}, {"a": 1e9, "b": 0.0}, {}])
    assert LOGISTIC.logits(rows) == pytest.approx([3.5, 0.5, 24.5, 0.5])
    assert TREES.logits(rows) == pytest.approx([2.5, -0.5, 1.5, -0.5])
    assert LOGISTIC.logits(table(["a", "b"], [])).shape == (0,)


def test_what_decides() -> None:
    assert deciding(LOGISTIC, {"a": 3.0, "b": 9.0}) == "a"
    assert deciding(LOGISTIC, {"a": -3.0, "b": -9.0}) == "b"
    assert deciding(LOGISTIC, {"a": 1.0, "b": 0.0}) == ""
    assert deciding(TREES, {"a": 3.0, "b": -1.0}) == "a"


GOOD: dict[str, Any] = {
    "version": 1, "model": LOGISTIC.model_dump(), "threshold": 0.9, "false_alarms": 0.0,
    "healthy_rows": 10, "sources": ["x"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"threshold": 1.5}, "threshold"),
        ({"surprise": 1}, "surprise"),
        ({"model": {**LOGISTIC.model_dump(), "weights": [1.0]}}, "weights must have 2 numbers"),
        ({"model": {**LOGISTIC.model_dump(), "scale": [1.0, 0.0]}}, "scale"),
        ({"model": {**TREES.model_dump(), "signals": ["a"]}}, "has no name"),
        (
            {"model": {"kind": "trees", "signals": ["a"], "bias": 0, "trees": [[{"signal": 0}]]}},
            "later nodes",
        ),
    ],
)
def test_a_file_that_makes_no_sense_is_named(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    path = tmp_path / "one.weights.json"
    path.write_text(json.dumps(GOOD))
    assert combiner("one", str(tmp_path)) == Combiner.model_validate(GOOD)
    other = tmp_path / "other.weights.json"
    other.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(ModelError, match=told) as error:
        combiner("other", str(tmp_path))
    assert str(other) in str(error.value)


def test_the_shares_of_a_score_never_leave_its_interval() -> None:
    scores = 1 / (1 + np.exp(-LOGISTIC.logits(table(["a", "b"], [{"a": 1e300, "b": -1e300}]))))
    assert 0 < scores[0] <= 1
