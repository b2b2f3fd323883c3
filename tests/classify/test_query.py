"""What retrieval_relevance reads off a query and the documents that came back."""

from __future__ import annotations

import math

import pytest

from classify.models.rarity import rarity
from classify.signals import query
from classify.signals.query import Retrieved
from classify.signals.signal import Likeness, texts_of
from classify.signals.weighed import Weighed

LAMP = "Charge the trail lamp by USB-C for 3 hours. It shines for 6 hours at full power."
KAYAK = "Kayaks are rented for up to 4 hours."


def test_rare_words_count_more() -> None:
    assert rarity("kayak") == 1.0
    assert rarity("hours") < 0.3 < rarity("rented") < 1.0
    asked = "How many hours may I keep a rented kayak?"
    off, right = Retrieved(asked, (LAMP,)), Retrieved(asked, (LAMP, KAYAK))
    assert query.missing_words(off) > 0.9 > 0.1 > query.missing_words(right)
    assert query.missing_in_best(off) > query.missing_in_best(right)
    assert query.many_missing(off) > query.many_missing(right)
    assert right.where == "document 2"
    assert right.text == KAYAK


def test_a_query_without_words() -> None:
    assert math.isnan(query.missing_words(Retrieved("?", (LAMP,))))
    assert query.telling("what is it").keys() == {"what", "is", "it"}


def test_standing_is_relative_to_what_is_usual() -> None:
    def pairs(item: tuple[str, str]) -> list[tuple[str, str]]:
        return [item]

    class Standing(Weighed):
        name = "standing"
        signals = (Likeness("near", "", pairs), Likeness("far", "", pairs, beside="background"))

    asked = "How many hours may I keep a rented kayak?"
    found = Standing().values([(asked, KAYAK), (asked, LAMP)])  # type: ignore[list-item]
    assert found[0]["far"] > 4 > 3 > found[1]["far"]
    assert found[0]["near"] == pytest.approx(0.7, abs=0.15)
    assert len(texts_of("background")) == 60
