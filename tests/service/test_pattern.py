"""Regular expressions of users: the usual ones work, none takes for ever."""

from __future__ import annotations

import logging
import time

import pytest

from service import pattern as module
from service.pattern import Pattern, PatternError, PatternTimeoutError


def test_they_are_those_of_python() -> None:
    assert Pattern(r"(?i)rücker\w+").search("Ihre RÜCKERSTATTUNG kommt")
    assert Pattern(r"(?<!no )refund").search("a refund")
    assert not Pattern(r"(?<!no )refund").search("no refund")
    assert Pattern(r"team-\d+").fullmatch("team-12")
    assert not Pattern(r"team-\d+").fullmatch("team-12x")
    assert Pattern("REFUND", ignore_case=True).search("refund")


@pytest.mark.parametrize("text", ["(", "[a", "a{2,1}", "(?P<1>a)", "*"])
def test_what_is_none_says_why(text: str) -> None:
    with pytest.raises(PatternError, match="no regular expression"):
        Pattern(text)


@pytest.mark.parametrize("text", [r"(a+)+$", r"(\w+\s?)+$", r"(.*a){20}$", r"(\d+)+[a-z]"])
def test_one_that_runs_away_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(PatternError, match="leave out repeats within repeats"):
        Pattern(text)


def test_one_that_runs_away_on_a_text_of_its_own_is_stopped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.1)
    sly = Pattern(r"(?:qz|qz)+!")
    text = "qz" * 50_000
    with pytest.raises(PatternTimeoutError, match="leave out repeats"):
        Pattern(r"(?:(?:qz)+)+!").search(text)
    assert not sly.search("qz")
    # One that took too long is not tried on the next thousand rows.
    slow = Pattern(r"(?:(?:qz)+)+!")
    with pytest.raises(PatternTimeoutError):
        slow.search(text)
    before = time.process_time()
    for _ in range(1000):
        with pytest.raises(PatternTimeoutError):
            slow.search(text)
    assert time.process_time() - before < 10
    with caplog.at_level(logging.WARNING):
        assert not Pattern(r"(?:(?:qz)+)+!").fullmatch(text)
    assert "taken for no match" in caplog.text
