"""What a detector makes of a classifier's verdicts: as a signal, in its place, at a second look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from classify.classifier import Subject, Trace
from classify.detectors.definition import Detector
from classify.detectors.opinion import wanted
from classify.detectors.reading import Reading, Reads
from classify.detectors.standing import with_detectors
from classify.registry import BUILT_IN
from clickhouse.span import Span, Verdict
from tests.classify.detectors.small import BAD, GOOD, entry, installed
from tests.classify.weighed_words import WeighedWords


class Words(WeighedWords):
    """Its threshold is 0.9, and 'bad' adds 1 to a logit of -3; abstains from '§'."""

    reads: ClassVar[Reads | None] = "text"

    def readings(self, subject: Subject) -> Sequence[Reading]:
        return [Reading(each.where, each.text) for each in self.items(subject)]


def judged(folder: Path, use: str, *outputs: str, **fields: Any) -> list[Verdict]:
    it = installed(folder, "bert", classifier="words", use=use, **fields)
    (words,) = with_detectors((Words(),), [it])
    spans = [Span("1" * 32, f"{i:016x}", step_kind="llm", output=o) for i, o in enumerate(outputs)]
    return words.judge([Subject(span, Trace((span,))) for span in spans])


def test_in_its_place(tmp_path: Path) -> None:
    good, bad, silent, foreign = judged(
        tmp_path, "instead", "bad bad bad bad bad bad", f"{GOOD}|{BAD}", "", f"§ {BAD}"
    )
    assert good.label == "pass"
    assert good.evidence.startswith("bert 0.0")
    assert "passed again: says bad, part 1" in good.evidence
    assert bad.label == "fail"
    assert bad.evidence.startswith("bert 1.00, part 2: please ignore")
    assert (silent.label, foreign.label) == ("not_applicable", "abstained")
    (foreign,) = judged(tmp_path, "instead", f"§ {BAD}", abstained=True)
    assert foreign.label == "fail"


def test_as_one_more_signal_both_count(tmp_path: Path) -> None:
    calm, alone, both, strong = judged(
        tmp_path, "signal", GOOD, BAD, f"{BAD} bad bad bad", "bad bad bad bad bad bad"
    )
    assert calm.label == "pass"
    # The classifier says next to nothing (a logit of -3), the detector is sure.
    assert alone.score > calm.score
    assert both.score > alone.score
    assert both.label == "fail"
    assert "bert 1.00" in both.evidence
    # What the classifier was sure of, the detector doubts.
    assert strong.label == "pass"
    (light,) = judged(tmp_path, "signal", "bad bad bad bad bad bad", weight=0.05)
    assert light.label == "fail"
    assert light.evidence.startswith("bert 0.0")
    assert "says bad" in light.evidence


def test_at_a_second_look_only_doubtful_rows_are_read(tmp_path: Path) -> None:
    sure, doubtful, calm = judged(
        tmp_path, "second look", "bad " * 6, f"{BAD} {'bad ' * 5}", "bad " * 5, doubt=[0.5, 0.9]
    )
    assert (sure.label, sure.evidence[:8]) == ("fail", "says bad")
    assert doubtful.label == "fail"
    assert doubtful.evidence.startswith("bert 1.00")
    assert (calm.label, calm.evidence) == ("pass", "")
    # A score of 0.05 leaves no doubt, where nobody says that it does; one of 0.95 does.
    missed, overruled = judged(tmp_path, "second look", BAD, "bad " * 6)
    assert (missed.label, missed.evidence) == ("pass", "")
    assert overruled.label == "pass"
    assert "passed again: says bad" in overruled.evidence
    (found,) = judged(tmp_path, "second look", BAD, doubt=[0.01, 0.95])
    assert found.label == "fail"


def test_its_threshold_lies_at_the_classifiers(tmp_path: Path) -> None:
    """Scores go on in one measure, so that what is said of them still holds."""
    (first,) = judged(tmp_path, "instead", BAD)
    (strict,) = judged(tmp_path, "instead", BAD, threshold=0.99)
    assert math.isclose(
        math.log(first.score / (1 - first.score)) - math.log(strict.score / (1 - strict.score)),
        math.log(99),
        rel_tol=0.01,
    )


def test_what_a_rule_is_certain_of_stands_but_in_its_place() -> None:
    def asked(use: str, verdict: Verdict, *, by_rule: bool = False) -> bool:
        it = Detector.model_validate(entry("bert", folder="x", use=use))
        return wanted(it, verdict, 0.9, by_rule=by_rule)

    certain = Verdict("fail", 0.999999, "a rule")
    assert [asked(use, certain, by_rule=True) for use in ("signal", "second look", "instead")] == [
        False,
        False,
        True,
    ]
    assert not any(asked(use, Verdict("not_applicable")) for use in ("signal", "instead"))
    assert asked("second look", Verdict("pass", 0.8))
    assert not asked("second look", Verdict("pass", 0.2))


def test_another_version_with_a_detector_and_the_own_one_without(tmp_path: Path) -> None:
    own = Words().version
    found = {
        with_detectors((Words(),), [installed(tmp_path, "bert", classifier="words", **fields)])[
            0
        ].version
        for fields in ({}, {"threshold": 0.7}, {"use": "signal"})
    }
    assert len(found | {own}) == 4
    assert {each // 10**9 for each in found} == {own}
    assert max(found) < 2**63


TRACE = Trace(
    (
        Span("1" * 32, "1" * 16, step_kind="agent", input="ignore", output="It is on friday."),
        Span(
            "1" * 32, "2" * 16, "1" * 16, step_kind="retrieval", name="search", input="where is it",
            start_time=1, documents=["Parcel a1 comes on monday at noon.", "Opening hours."],
        ),
        Span(
            "1" * 32, "3" * 16, "1" * 16, step_kind="llm", input="ignore", start_time=2,
            output="Parcel a1 comes on friday at noon. It is here.",
        ),
    )
)  # fmt: skip


@pytest.mark.parametrize("classifier", [c for c in BUILT_IN if getattr(c, "reads", None)])
def test_each_built_in_classifier_gives_something_to_read(classifier: Any) -> None:
    found = [
        reading
        for span in TRACE.spans
        if classifier.decided(Subject(span, TRACE)) is None
        or classifier.name in ("hallucination", "retrieval_relevance")
        for reading in classifier.readings(Subject(span, TRACE))
    ]
    assert found
    assert all(bool(each.against) == (classifier.reads != "text") for each in found)
    if classifier.name == "hallucination":
        assert any(each.text == "Parcel a1 comes on friday at noon." for each in found)
        assert found[0].against[0] == "Parcel a1 comes on monday at noon."
