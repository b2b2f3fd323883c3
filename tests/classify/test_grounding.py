"""What hallucination reads off an answer and its sources, signal by signal."""

from __future__ import annotations

import math

import pytest

from classify.classifiers.hallucination.answers import claimed, stated
from classify.signals import contradiction, identifiers, novelty, numerals, quotation
from classify.signals.grounds import Grounds, content, grounds, names

PAGE = (
    "The capital of France is Paris. The population of France is 67,391,582. Returns are free"
    " within the EU. The shop is closed on Sundays. Order LF-1001 was placed on 2026-11-02. A team"
    " of 12 engineers built the bridge. Write to help@larkfield.example."
)


@pytest.fixture
def page() -> Grounds:
    return grounds([("document 1", PAGE)], ["Is the Ridge tent in stock?"])


@pytest.mark.parametrize(
    ("claim", "words", "numbers", "strangers"),
    [
        ("The capital of France is Paris.", 0.0, 0, []),
        ("The population of France is 67 million.", 0.0, 0, []),
        ("It was placed on 2 November 2026.", 0.5, 0, []),
        ("The Ridge tent is in stock.", 1.0, 0, []),
        ("The mayor of Lyon met Mr Dubois in 1999.", 1.0, 1, ["Lyon", "Mr", "Dubois"]),
    ],
)
def test_novelty(
    page: Grounds, claim: str, words: float, numbers: int, strangers: list[str]
) -> None:
    assert novelty.unsourced_words(claim, page) == pytest.approx(words)
    assert novelty.new_numbers(claim, page) == numbers
    assert novelty.strange_names(claim, page) == strangers


def test_runs_and_what_no_source_says(page: Grounds) -> None:
    assert novelty.new_pairs("The capital of France is Paris.", page) == 0
    assert novelty.new_pairs("Paris is the France capital.", page) > 0
    assert novelty.new_triples("The shop is closed on Sundays.", page) == 0
    # What the user said is known, and has no source.
    assert novelty.unsourced_words("The Ridge tent", page) == 1
    assert novelty.unsourced_pairs("the capital of France", page) == 0
    assert math.isnan(novelty.unsourced_words("It is.", page))


def test_what_is_reckoned_in_the_claim_is_not_strange() -> None:
    there = grounds([("result of price", '{"new": 725, "old": 503}')])
    assert not novelty.strange_numbers("725 - 503 = 222", there)
    assert novelty.strange_numbers("It costs 333.", there)


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        ("The population of France is 69 million.", "number"),
        ("A team of 15 engineers built the bridge.", "number"),
        ("The capital of France is Lyon.", "name"),
        ("Returns are not free within the EU.", "denied"),
        ("The shop is open on Sundays.", "opposite"),
    ],
)
def test_contradicted(page: Grounds, claim: str, kind: str) -> None:
    found = contradiction.contradiction(claim, page)
    assert found is not None
    assert found.kind == kind
    assert found.sentence.where == "document 1"


@pytest.mark.parametrize(
    "claim",
    [
        "The population of France is 67 million.",
        "Twelve engineers built the bridge.",
        "Returns within the EU are free.",
        "The shop is closed on Sundays, not on Mondays.",
        "No, the capital of France is Paris.",
        "About 70 million people live in France.",
        "Paris.",
        "",
    ],
)
def test_not_contradicted(page: Grounds, claim: str) -> None:
    assert contradiction.contradiction(claim, page) is None


def test_codes_addresses_links_symbols(page: Grounds) -> None:
    assert identifiers.strange_codes("LF-1001 and LF-1003 and AB-77", page) == ["LF-1003"]
    said = "Write to support@larkfield.example or me@elsewhere.example."
    assert identifiers.strange_addresses(said, page) == ["support@larkfield.example"]
    assert identifiers.new_links("See https://a.example/b.", page) == ["https://a.example/b"]
    assert identifiers.new_symbols("call reset_all() or get()", page) == ["reset_all", "get"]


def test_quotations_and_citations(page: Grounds) -> None:
    right = 'The page says: "The shop is closed on Sundays. Order LF-1001 was placed."'
    wrong = 'The page says: "We never close and we always pay for everything."'
    assert quotation.strange_quotations(right, page) == []
    assert len(quotation.strange_quotations(wrong, page)) == 1
    assert quotation.strange_citations("As told [1], [2] and [7].", 2) == [7]
    assert quotation.strange_citations("As told [7].", 1) == []
    assert quotation.strange_citations("a [7](https://a.example)", 3) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,250.50 and 67 million", {1250.5, 67e6, 67.0}),
        ("twelve in November", {12.0, 11.0}),
        ("2018–19", {2018.0, 19.0}),
        ("COVID-19 in Q1", set()),
        ("", set()),
    ],
)
def test_values(text: str, found: set[float]) -> None:
    assert numerals.values(text) == found


def test_numbers_in_another_form() -> None:
    assert numerals.among(0.25, frozenset({25.0}))
    assert numerals.rounded(67e6, frozenset({67391582.0}))
    assert numerals.rounded(4.9, frozenset({4.87}))
    assert not numerals.rounded(69e6, frozenset({67391582.0}))


def test_names_and_content() -> None:
    assert names("Berlin is big. The Spree flows through Berlin.") == ["Spree", "Berlin"]
    assert names("A HEADING IN CAPITALS") == []
    assert content("The charges of 12 deliveries") == content("charge delivery")


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("The documents do not say who wrote it.", ""),
        ("I don't know, but it opened in 1990 in Leeds.", "it opened in 1990 in Leeds."),
        ("Thank you for your patience.", ""),
        ("I have opened a return for you.", ""),
        ("The lamp shines for 6 hours.", "The lamp shines for 6 hours."),
    ],
)
def test_what_a_sentence_states(sentence: str, left: str) -> None:
    assert stated(sentence) == left


def test_claims_of_an_answer(page: Grounds) -> None:
    answer = "<think>Lyon?</think>Hello! The capital is Paris. Is that all?\n[sources: 1]"
    assert [claim.text for claim in claimed(answer, page)] == ["The capital is Paris."]
    assert [claim.text for claim in claimed("Lyon", page)] == ["Lyon"]
    assert claimed("Yes.", page) == []
    found = claimed('{"title": "A bridge of steel and glass", "ok": true}', page)
    assert [claim.text for claim in found] == ["A bridge of steel and glass"]
