"""Texts are cut at the limit, with a mark of what is missing, and never inside a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.limits import ContentLimits, cut, cut_within


def test_short_texts_are_the_same_object() -> None:
    for text in ("", "a", "é" * 50, "x" * 100, "é" * 25):
        assert cut(text, 100) is text


def test_the_mark_says_how_many_bytes_are_missing() -> None:
    assert cut("a" * 110, 100) == "a" * 100 + "…[everyspan: 10 bytes cut]"
    assert cut("x" * (10 << 20), 1 << 20).endswith("…[everyspan: 9437184 bytes cut]")


@pytest.mark.parametrize("limit", range(8))
def test_no_character_is_split(limit: int) -> None:
    kept, mark = cut("é漢😀é", limit).split("…")
    assert "é漢😀é".startswith(kept)
    assert len(kept.encode()) <= limit
    assert mark == f"[everyspan: {11 - len(kept.encode())} bytes cut]"


def test_what_utf_8_cannot_say_becomes_a_question_mark() -> None:
    assert cut("\ud800" * 200, 100).startswith("?" * 100 + "…")


@given(st.text(), st.integers(0, 60))
def test_cutting_again_changes_nothing(text: str, limit: int) -> None:
    once = cut(text, limit)
    assert cut(once, limit) == once
    kept = once.split("…[everyspan")[0]
    assert len(kept.encode("utf-8", "replace")) <= limit or once == text


def test_texts_inside_are_cut() -> None:
    value = {"a": ["x" * 9, 1, None, {"b": "y" * 3}]}
    mark = "…[everyspan: 5 bytes cut]"
    assert cut_within(value, 4) == {"a": ["xxxx" + mark, 1, None, {"b": "yyy"}]}


def test_limits_are_plain_and_fixed() -> None:
    limits = ContentLimits(max_attribute_bytes=1024)
    with pytest.raises(AttributeError):
        limits.max_events = 1  # type: ignore[misc]
