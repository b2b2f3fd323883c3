"""What an answer makes of what it was told."""

from __future__ import annotations

import math

import pytest

from classify.signals.forgotten import (
    Held,
    asks_again,
    kept,
    old_value,
    other_value,
    over_budget,
    unknown_names,
    unsaid,
)
from classify.signals.told import kinds, of_text, told


def held(answer: str, *turns: str, known: str = "") -> Held:
    """Turns of the user and the assistant in turn."""
    roles = ("user", "assistant")
    return Held(answer, tuple((roles[i % 2], text) for i, text in enumerate(turns)), known)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("time", "at 7:30 pm", "7:30"),
        ("time", "at 19:30", "7:30"),
        ("time", "at two in the afternoon", "2:00"),
        ("day", "on March 11th", "11"),
        ("day", "on 2026-03-11", "11"),
        ("people", "a table for two", "2"),
        ("people", "there are 4 of us", "4"),
        ("order", "order number LF-1001", "lf 1001"),
        ("budget", "my budget is $1,200", "1200"),
        ("seat", "a window seat", "window"),
        ("version", "it runs on 3.9.1", "3.9.1"),
        ("place", "a hotel in New York", "new york"),
    ],
)
def test_values_have_one_form(kind: str, text: str, value: str) -> None:
    assert [found for found, _, _ in of_text(text)[kind]] == [value]


def test_what_is_no_value() -> None:
    assert "people" not in of_text("a reservation for 8 pm")
    assert "day" not in of_text("at 474 24th Street")
    assert "seat" not in of_text("close the window")


def test_what_is_denied_came_before() -> None:
    said = told(["An aisle seat.", "A window seat, not the aisle seat."])["seat"]
    assert (said[-1].value, said[-1].turn) == ("window", 1)


def test_asks_again() -> None:
    turns = ("A table for six people.", "When?", "At 7 pm.")
    assert asks_again(held("How many people will there be?", *turns))[0] == pytest.approx(0.85)
    assert asks_again(held("What time would you like?", *turns))[0] == 1.0
    assert asks_again(held("On what day?", *turns))[0] == 0.0
    assert asks_again(held("Could you confirm the number of people?", *turns))[0] == 0.0


def test_where_to_is_not_where_from() -> None:
    turns = ("I fly to Lisbon.", "Nice.", "One way, in Economy.")
    assert asks_again(held("Which city are you leaving from?", *turns))[0] == 0.0


def test_other_value_needs_one_that_nobody_has_said() -> None:
    turns = ("A table for two people at 8 pm.", "Where?", "At Rokko.")
    assert other_value(held("Your table for nine people is booked.", *turns))[0] == 1.0
    assert other_value(held("Your table for two people is booked.", *turns))[0] == 0.0
    assert other_value(held("Sorry, only 9:30 pm is left.", *turns))[0] == 0.0
    booked = held("Your table for nine people is booked.", *turns, known="a table for nine")
    assert other_value(booked)[0] == 0.0


def test_old_value() -> None:
    turns = ("We are four people.", "Noted.", "Sorry, make it five people.")
    assert old_value(held("Your table for four people is booked.", *turns))[0] == 1.0
    assert old_value(held("Your table for five people is booked.", *turns))[0] == 0.0


def test_over_budget() -> None:
    turns = ("My budget is $80.", "Noted.", "What do you recommend?")
    assert over_budget(held("Take the Aria for $450.", *turns))[0] == 1.0
    assert over_budget(held("The Aria is $450, above your budget.", *turns))[0] == 0.0
    assert over_budget(held("Take the Mini for $65.", *turns))[0] == 0.0


def test_unknown_names_count_where_something_is_confirmed() -> None:
    turns = ("A room in Oslo for two people.", "Which?", "The Harbour Inn.")
    assert unknown_names(held("Please confirm the Palm Lodge in Oslo.", *turns))[0] == 2.0
    assert unknown_names(held("You could visit the Munch Museum.", *turns))[0] == 0.0


def test_kept_excuses_no_other_value() -> None:
    turns = ("A table for two people at 8 pm.", "Where?", "At Rokko.")
    assert kept(held("For two people at 8 pm, booked.", *turns)) == 2.0
    assert kept(held("For nine people at 8 pm, booked for you.", *turns)) == 0.0


def test_unsaid_is_what_nothing_before_has() -> None:
    turns = ("A table for two people at 8 pm.", "Where?", "At Rokko.")
    assert unsaid(held("A table at Rokko for two people at 8.", *turns)) == 0.0
    assert unsaid(held("Sushi Bar, nine guests.", *turns)) == 1.0
    # What a tool brought was there before.
    assert unsaid(held("Sushi Bar.", *turns, known="Sushi Bar")) == 0.0
    assert math.isnan(unsaid(held("It is.", *turns)))


def test_kinds_compile() -> None:
    assert len({kind.name for kind in kinds()}) > 20
