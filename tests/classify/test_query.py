"""What retrieval_relevance reads off a query and the documents that came back."""

from __future__ import annotations

import math

import pytest

from classify.classifier import Subject, Trace
from classify.classifiers.retrieval_relevance import classifier
from classify.models.rarity import rarity
from classify.signals import query
from classify.signals.query import Retrieved
from clickhouse.span import Span

LAMP = "Charge the trail lamp by USB-C for 3 hours. It shines for 6 hours at full power."
KAYAK = "Kayaks are rented for up to 4 hours."


def test_rare_words_count_more() -> None:
    assert rarity("kayak") == 1.0
    assert rarity("hours") < 0.3 < rarity("rented") < 1.0
    asked = "How many hours may I keep a rented kayak?"
    off, right = Retrieved(asked, (LAMP,)), Retrieved(asked, (LAMP, KAYAK))
    assert query.missing_words(off) > 0.9 > 0.1 > query.missing_words(right)
    assert query.named(off).keys() == {"hour", "keep", "rent", "kayak"}
    assert not query.named(Retrieved("What does the guide say in its Summary?", (LAMP,)))
    assert right.where == "document 2"
    assert right.text == KAYAK


def test_a_query_without_words() -> None:
    assert math.isnan(query.missing_words(Retrieved("?", (LAMP,))))
    assert query.telling("what is it").keys() == {"what", "is", "it"}


@pytest.mark.parametrize(
    ("asked", "text", "want"),
    [
        ("How do I rent a kayak for the weekend?", LAMP, "fail"),
        ("How do I rent a kayak for the weekend?", KAYAK, "pass"),
        # Headings name parts of a document, not what it is about.
        ("What does the handbook say about Notes?", LAMP, "abstained"),
        ("What does the guide say about One Paragraph Explainer?", LAMP, "abstained"),
        # Words of the query are there, and what is said is far from it.
        ("trail maintenance volunteers of the county", LAMP, "pass|abstained"),
        # In other languages the encoder finds all texts alike; words tell.
        ("Wie viele Stunden darf ich ein Kajak behalten?", "Die Lampe wird drei Stunden lang mit"
         " dem Kabel geladen und leuchtet danach sechs Stunden.", "abstained"),
        ("Wie viele Stunden leuchtet die Lampe?", "Die Lampe wird drei Stunden lang mit dem Kabel"
         " geladen und leuchtet danach sechs Stunden.", "pass"),
        ("ما هي مدة استئجار القارب؟", "يتم شحن المصباح عبر كابل ثم يضيء.", "abstained"),
    ],
)  # fmt: skip
def test_off_topic_takes_more_than_a_low_cosine(asked: str, text: str, want: str) -> None:
    span = Span("1" * 32, "1" * 16, step_kind="retrieval", input=asked, documents=[text])
    (verdict,) = classifier.judge([Subject(span, Trace((span,)))])
    assert verdict.label in want.split("|"), verdict
    assert bool(verdict.evidence) == (verdict.label != "pass")


@pytest.mark.parametrize(
    ("asked", "is_title"),
    [
        ("What does the handbook say about Strategic Planning and Advisory?", True),
        ("What does the guide say about Some concrete tools at your disposal?", True),
        ("What does the handbook say about Effective use of taxpayer funds?", True),
        ("What is the return policy?", False),
        ("Who founded Nokia Siemens Networks in Espoo, and when did they merge?", False),
        ("Can I pay with my ACME card?", False),
        ("kayak", False),
        ("", False),
    ],
)
def test_a_query_that_is_a_title(asked: str, is_title: bool) -> None:
    assert query.is_title(asked) is is_title
