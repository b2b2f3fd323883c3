"""What a user says who complains, and whose words they are."""

from __future__ import annotations

import pytest

from classify.signals.complaint import KINDS, complaints, not_done, own, phrases
from classify.signals.repetition import likeness, repeats


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("feeling", "I'm really frustrated with this"),
        ("blame", "What a waste of my time"),
        ("unanswered", "That’s not what I asked"),
        ("reminds", "As I said before, it is the red one"),
        ("gives_up", "Forget it, thanks"),
        ("wants_human", "Let me talk to your manager"),
        ("swears", "wtf"),
        ("thanks", "Thank you!"),
        ("praise", "That is perfect"),
        ("corrects", "No, the other one"),
        ("unanswered", "Das habe ich doch schon gesagt"),
        ("unanswered", "我已经说过了"),
    ],
)
def test_kinds(kind: str, text: str) -> None:
    found = complaints(text)[kind]
    assert found.count == 1
    assert found.place in [written for _, written in own(text)]


@pytest.mark.parametrize(
    "text",
    [
        "I'm not frustrated",
        "My customer is frustrated with you",
        'Translate: "I am fed up"',
        "Write a letter of complaint: I'm furious about the noise",
        "> this is useless\nCan you answer that?",
        "He said this bot is useless",
        "What does fed up mean?",
    ],
)
def test_others_words_are_not_the_users(text: str) -> None:
    found = complaints(text)
    assert not any(found[kind].count for kind in ("feeling", "blame", "unanswered", "gives_up"))


def test_every_kind_has_phrases_that_compile() -> None:
    assert all(phrases(kind).pattern for kind in (*KINDS, "not_done"))


def test_a_long_text_is_read_at_both_ends() -> None:
    middle = "The red one is in the box. " * 400
    assert complaints(f"{middle} I'm really annoyed.")["feeling"].count == 1
    assert complaints(f"I'm really annoyed. {middle}")["feeling"].count == 1


def test_replies_that_excuse_themselves() -> None:
    assert not_done(["Sorry, I didn't understand.", "It is in the box."]) == 0.5
    assert not_done([]) == 0.0


def test_repetition_is_of_what_a_turn_is_about() -> None:
    asked = "Does the red kayak have a repair kit?"
    assert likeness(asked, "The red kayak: does it have a repair kit?") == 1.0
    assert likeness(asked, "Does the blue tent have a lamp?") < 0.2
    assert likeness("Yes please", "Yes please") == 0.0
    assert repeats(asked, ["Hello", asked]) == 1.0
