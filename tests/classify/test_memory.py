"""Plain cases of forgetting, and what only looks like one."""

from __future__ import annotations

import pytest

from classify.models.memory import check

FORGOTTEN = [
    (
        ["I am allergic to down, please remember that.", "Something for cold mornings?"],
        "I recommend our Down jacket with 800 fill power.",
    ),
    (["I don't eat pork.", "What is good here?"], "How about the pork belly with rice?"),
    (["We can't have nuts in the house.", "A dessert?"], "You could try it with nuts on top."),
    (["Please never suggest hostels.", "Where do we stay?"], "I suggest a hostel at the lake."),
    (["My order number is LF-1001.", "It has not come."], "Could you tell me your order number?"),
    (["Write to me at ann@mail.example.", "Send it."], "Please share your e-mail address."),
    (["My name is Joana.", "Book it."], "May I have your name?"),
]
KEPT = [
    (["I am allergic to down.", "And for cold mornings?"], "I recommend fleece, not down."),
    (["I am allergic to down.", "And for cold mornings?"], "Do not buy the down jacket."),
    (["I don't eat pork.", "Actually, is the pork good?"], "How about the pork belly?"),
    (["I don't have time.", "What now?"], "I suggest to take your time."),
    (["I can't stand it anymore.", "Help."], "You could take it to a shop."),
    (["My order number is LF-1001.", "Where is it?"], "Could you confirm your order number?"),
    (["Orders 1001 and 1002: order LF-1001 and order LF-1002.", "Cancel it."],
     "Please tell me your order number."),
    (["My name is Joana.", "Book it."], "What is your company name?"),
    (["My sister doesn't eat fish.", "A menu?"], "Instead of fish I suggest a risotto."),
]  # fmt: skip


@pytest.mark.parametrize(("turns", "answer"), FORGOTTEN)
def test_what_is_forgotten(turns: list[str], answer: str) -> None:
    found = check(turns, answer)
    assert (found.label, found.answer) == ("fail", answer)
    assert found.told in turns[0]


@pytest.mark.parametrize(("turns", "answer"), KEPT)
def test_what_is_kept(turns: list[str], answer: str) -> None:
    assert check(turns, answer).label != "fail"


def test_pass_needs_something_that_could_have_been_forgotten() -> None:
    assert check(["Hello!", "How are you?"], "I am fine.").label == "open"
    assert check(["I am allergic to nuts.", "A dessert?"], "Take the sorbet.").label == "pass"
    assert check(["My order number is LF-1001."], "It is on its way.").label == "pass"
