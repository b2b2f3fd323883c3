"""Checkable instructions: what is broken, and what only looks like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classify.classifiers.instruction_following.rules import broken

TEN = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(
    ("instructions", "output", "how"),
    [
        ("Answer in at most 5 words.", TEN, "10 words, at most 5"),
        (
            "Use no more than three sentences.",
            "I went. I saw. I won. I left. I slept. I woke.",
            "6 sentences, at most",
        ),
        ("Write at least 50 words.", TEN, "10 words, at least 50"),
        ("Give exactly 3 bullet points.", "- a\n- b", "2 bullet points, exactly 3"),
        ("Respond with JSON only.", "Sure! Here it is: {}", "not JSON"),
        ("Return valid JSON.", "{'a': 1}", "not JSON"),
        ('Never mention "refund".', "Your refund is on its way.", "uses “refund”"),
        ('You must include the phrase "kind regards".', "Bye", "does not use “kind regards”"),
        ('End with "Anything else?"', "Done.", "ends with “Done.”"),
        ('Begin your answer with "Dear".', "Hello there", "begins with “Hello there”"),
        ("Write in all lowercase.", "Hello", "not all lower case"),
        ("Mention refunds once in your answer.", "Dear customer", "has “refunds” 0 times"),
    ],
)
def test_broken(instructions: str, output: str, how: str) -> None:
    found = broken(instructions, output)
    assert len(found) == 1, found
    assert how in found[0].how
    assert found[0].instruction in instructions


@pytest.mark.parametrize(
    ("instructions", "output"),
    [
        ("Answer in at most 10 words.", TEN),
        ("Answer in at most 9 words.", TEN),  # counting is a matter of taste at the edge
        ("If the user asks for a list, give exactly 3 bullet points.", "No list."),
        ("Respond with JSON only.", '```json\n{"a": 1}\n```'),
        ("Is JSON or YAML better?", "YAML."),
        ('Do not use the word "refund" unless the user asks.', "A refund is possible."),
        ('Never mention "art".', "The party starts."),
        ("Write at least 5 words, or fewer.", "Hi"),
        ("We shipped over 300 words of documentation last week, for example.", "Hi"),
        ('End with "Thanks."', "All done. Thanks"),
        # 'once' begins a clause, and 'about' is no word to be said
        ("What does the handbook say about Once you've made your selection?", "Then submit it."),
        ("Mention refunds once the customer asks for them.", "Dear customer"),
        ("Say about twice as much as before.", "Well"),
        ("", ""),
    ],
)
def test_kept(instructions: str, output: str) -> None:
    assert broken(instructions, output) == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_taken(instructions: str, output: str) -> None:
    broken(instructions, output)
