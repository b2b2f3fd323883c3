"""Numbers as people say them, marks, and what may be searched."""

from __future__ import annotations

import math

import pytest

from web import say
from web.mark import marked
from web.search import condition


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0.0, "0 ms"),
        (0.0009, "0.9 µs"),
        (0.045, "45 µs"),
        (0.26, "0.26 ms"),
        (850, "850 ms"),
        (3200, "3.2 s"),
        (250_000, "4 min 10 s"),
        (7_500_000, "2 h 5 min"),
        (math.nan, "–"),
    ],
)
def test_durations(given: float, told: str) -> None:
    assert say.duration(given) == told


def test_money_and_shares() -> None:
    assert say.money(0.0042) == "$0.0042"
    assert say.money(12.3) == "$12.30"
    assert say.money(None) == "–"
    assert say.share(0.18) == "18 %"
    assert say.share(0.012) == "1.2 %"
    assert say.interval(0.1, 0.29) == "10-29 %"


def test_what_is_marked_is_escaped_inside_and_out() -> None:
    html = marked('<b> "it is <i>50 %</i>" & more', [("x<y", "wrong: “it is <i>50 %</i>”")])
    assert html == (
        '&lt;b&gt; &#34;<mark class="fail" title="x&lt;y">it is &lt;i&gt;50 %&lt;/i&gt;'
        '<span class="tag"> x&lt;y</span></mark>&#34; &amp; more'
    )


def test_blanks_of_an_evidence_were_folded() -> None:
    assert "<mark" in marked("one\n  two three", [("c", "“one two three”")])


def test_words_use_the_index_and_parts_are_looked_for() -> None:
    assert condition("  ") == ""
    sql = condition("Refund 50% ORD-12-x")
    assert "hasAllTokens(lowerUTF8(input), ['refund', '12'])" in sql
    assert "position(lowerUTF8(input), '50%') > 0" in sql
    assert "position(lowerUTF8(output), 'ord-12-x') > 0" in sql
    assert "\\'" in condition("it's")
