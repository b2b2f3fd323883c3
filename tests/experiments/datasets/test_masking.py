"""What is masked, what stays, and that one value stays one person within a record."""

from __future__ import annotations

import re

import pytest
from everyspan.masking.contacts import find_emails, find_phones
from everyspan.masking.identifiers import find_identifiers
from everyspan.masking.secrets import find_secrets
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.datasets.masking import Masker

KEY = "sk-proj-" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("write to j.miller@acme.io", "write to person1@example.com"),
        ("call (415) 867-5309 now", "call +1 202 555 0101 now"),
        ("card 4556 7375 8689 9855 please", "card [CARD_1] please"),
        ("IBAN DE44 5001 0517 5407 3249 31 it is", "IBAN [IBAN_1] it is"),
        ("my SSN is 536-22-8741", "my SSN is [ID_1]"),
        (f"use {KEY} for it", "use [SECRET_1] for it"),
        ("from 8.8.4.4 and 2a00:1450:4001:81b::200e", "from 192.0.2.1 and 2001:db8::2"),
        ("My name is Jane Q. and I wait", "My name is [NAME_1] Q. and I wait"),
        ("Dear Mr Smith, hello", "Dear Mr [NAME_1], hello"),
        ("Ich heiße Jörg Müller.", "Ich heiße [NAME_1]."),
        # Nobody's, and what only looks like it.
        ("support@acme.io, bob@example.com", "support@acme.io, bob@example.com"),
        ("order LF-1004, host 10.0.0.1", "order LF-1004, host 10.0.0.1"),
        ("version 1.2.3.4", "version 1.2.3.4"),
        ("Dear Customer, at 10:30:15 in May", "Dear Customer, at 10:30:15 in May"),
        ("", ""),
    ],
)  # fmt: skip
def test_text(text: str, masked: str) -> None:
    assert Masker().text(text) == masked


def test_one_value_is_one_pseudonym_in_every_field() -> None:
    masker = Masker("customer-4711", {"user.full_name": "Ada Byron", "user.id": "x"})
    assert masker.text("a.b@web.de and c@web.de and a.b@web.de") == (
        "person1@example.com and person2@example.com and person1@example.com"
    )
    found = masker.value(
        {"to": ["c@web.de", {"phone": "+49 151 23456789"}], "n": 3, "who": "Byron, customer-4711"}
    )
    assert found == {
        "to": ["person2@example.com", {"phone": "+1 202 555 0101"}],
        "n": 3,
        "who": "[NAME_1], [USER_1]",
    }
    # Written in another way, it is the same number, also where nothing says that it is one.
    assert masker.text("4915123456789? +4915123456789") == "4915123456789? +1 202 555 0101"
    assert masker.counts == {"email": 2, "phone": 1, "name": 1, "user": 1}
    assert Masker().text("c@web.de") == "person1@example.com"


def test_more_values_than_a_detector_tells_at_once() -> None:
    letters = "abcdefghi"
    text = " ".join(f"anna{a}{b}@mail.org" for a in letters for b in letters)
    assert "mail.org" not in Masker().text(text)


def test_an_ordinary_word_as_a_user_id_stays() -> None:
    assert Masker("guest").text("the guest room") == "the guest room"
    assert Masker("u-12").text("u-12 and u-123") == "[USER_1] and u-123"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "ann.lee@web.de", "(415) 867-5309", "4556 7375 8689 9855", KEY, "8.8.4.4",
                "My name is Ann Lee", "order 5", "DE44 5001 0517 5407 3249 31", "\n", '{"a": "',
                '"}', ", ", "call me: ", "https://x.org/?q=", "é",
            ]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_nothing_is_left_and_twice_is_as_once(parts: list[str]) -> None:
    masked = Masker().text(" ".join(parts))
    assert not find_secrets(masked)
    assert not find_identifiers(masked)
    assert not list(find_emails(masked))
    assert not list(find_phones(masked))
    assert Masker().text(masked) == masked
    assert not re.search(r"\bLee\b", masked) or "My name is Ann Lee" not in parts


def test_a_private_key_is_taken_out_whole() -> None:
    """Its rule finds the first line; the others are as secret."""
    lines = [
        f"{n:02}EvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"[:64]
        for n in range(25)
    ]
    pem = "\n".join(
        ["-----BEGIN PRIVATE KEY-----", *lines, "q0pQ8w==", "-----END PRIVATE KEY-----"]
    )
    for text in (f"the key is {pem} and ends", "\n".join(lines)):
        shown = Masker().text(text)
        assert not [line for line in lines if line in shown], shown
    assert "and ends" in Masker().text(f"the key is {pem} and ends")
