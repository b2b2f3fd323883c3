"""Figures of an answer against its context, and the verdict that comes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from classify.classifier import Subject, Trace
from classify.classifiers.hallucination import classifier
from classify.models.figures import check, figures
from clickhouse.span import Span

DELIVERY = (
    "document 1 of help_pages",
    "Standard delivery takes 3 to 5 working days and costs 4.90 EUR; it is free from 60 EUR. "
    "Express delivery takes 1 to 2 working days and costs 12.90 EUR.",
)
WARRANTY = (
    "document 2 of help_pages",
    "Tents and lamps have a warranty of 2 years against faults.",
)
ORDER = (
    "result of get_order",
    '{"order_id": "LF-6", "items": ["Sleeping mat"], "total_eur": 79.0, "quantity": 2}',
)
CONTEXT = [DELIVERY, WARRANTY, ORDER]


@pytest.mark.parametrize(
    ("claim", "figure"),
    [
        ("Tents have a warranty of 10 years, and cuts are covered in full.", "10 years"),
        ("Lamps have a warranty of ten years.", "ten years"),
        ("Express delivery takes 1 to 2 working days and costs €7.50.", "€7.50"),
        ("Standard delivery takes 3 to 9 working days.", "3 to 9 working days"),
        ("LF-6 held a sleeping mat for 112.00 EUR in all.", "112.00 EUR"),
    ],
)
def test_contradicted(claim: str, figure: str) -> None:
    found = check([claim], CONTEXT)
    assert (found.label, found.claim, found.figure) == ("fail", claim, figure)
    assert found.where.startswith(("document", "result"))


@pytest.mark.parametrize(
    "claim",
    [
        "Tents have a warranty of 2 years.",
        "Tents have a warranty of 24 months.",
        "Tents have a warranty of two years.",
        "Express delivery takes 1 to 2 working days and costs 12,90 EUR.",
        "Express delivery takes 1-2 days and costs 13 EUR.",
        "Your order LF-6, a sleeping mat, costs 79 EUR.",
    ],
)
def test_confirmed(claim: str) -> None:
    assert check([claim], CONTEXT).label == "pass"


@pytest.mark.parametrize(
    "claim",
    [
        "Tents have a warranty of at least 1 year.",  # hedged
        "Two sleeping mats of order LF-6 cost 158 EUR.",  # reckoned: two of 79
        "Standard and express delivery cost 17.80 EUR together.",  # a sum
        "The moon is 384,400 km away.",  # nothing speaks of it
        "You paid 5 EUR for the sleeping bag of your friend in Norway.",  # of another thing
        "The warranty of tents has stood for two hundred and nineteen years.",  # 219
        "Tents have a warranty.",
        "",
    ],
)
def test_left_alone(claim: str) -> None:
    assert check([claim], CONTEXT).label == "open"


def test_what_the_user_said_may_be_said_again() -> None:
    claim = "Lamps have no warranty of 10 years."
    assert check([claim], CONTEXT).label == "fail"
    assert check([claim], CONTEXT, "Is there a warranty of 10 years on lamps?").label == "open"


def test_one_that_cannot_be_held_against_anything_passes_nothing() -> None:
    claims = ["Tents have a warranty of 2 years.", "They weigh 3 kg."]
    assert check(claims, CONTEXT).label == "open"
    assert check([], CONTEXT).label == check(claims, []).label == "open"


def test_figures() -> None:
    found = figures("$1,250.50 for 3–5 days, 12 %, about 2 hours")
    assert [(f.dimension, f.value, f.plain) for f in found] == [
        ("USD", 1250.5, True),
        ("minute", 3 * 1440, True),
        ("minute", 5 * 1440, True),
        ("%", 12, True),
        ("minute", 120, False),
    ]


def test_long_and_odd_text_takes_no_time() -> None:
    odd = "1,1,1,1,1" * 2000 + " 5 days" * 3000 + "{" * 1000
    assert check([odd[:5000]], [("a", odd), ("b", "{" + odd)]).label in ("pass", "fail", "open")


def test_the_verdict_names_where_it_is_contradicted() -> None:
    retrieval = Span(
        trace_id="t" * 32,
        span_id="1" * 16,
        name="help_pages",
        start_time=1_700_000_000_000_000_000,
        duration_ms=1000.0,
        step_kind="retrieval",
        documents=[DELIVERY[1], WARRANTY[1]],
    )
    answer = replace(
        retrieval,
        span_id="2" * 16,
        name="chat",
        step_kind="llm",
        documents=[],
        start_time=1_700_000_002_000_000_000,
        input="How long is the warranty of a tent?",
    )
    told = {
        "Tents have a warranty of 10 years.": "fail",
        "Tents have a warranty of 2 years.": "pass",
    }
    for text, label in told.items():
        step = replace(answer, output=text)
        (verdict,) = classifier.judge([Subject(step, Trace((retrieval, step)))])
        assert verdict.label == label
        if label == "fail":
            assert verdict.score >= classifier.threshold
            assert "“Tents have a warranty of 10 years.” is contradicted by" in verdict.evidence
            assert "2 years" in verdict.evidence
