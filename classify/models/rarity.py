"""How rare a word is, by its place in the encoder's vocabulary, which has the commonest first."""

from __future__ import annotations

import math
from functools import cache

import orjson

from classify.models import files

#: Place of the first words, after signs and letters, and of the last.
_FIRST, _LAST = 2000, 30_000
_LEAST = 0.1


def rarity(word: str) -> float:
    """0.1 for the commonest to 1 for words that are not in the vocabulary. ``word``: in lower case.
    Raises ModelError."""
    place = _vocabulary().get(word)
    if place is None:
        return 1.0
    span = math.log(_LAST) - math.log(_FIRST)
    return min(1.0, max(_LEAST, (math.log(place + 1) - math.log(_FIRST)) / span))


@cache
def _vocabulary() -> dict[str, int]:
    held = orjson.loads(files.read("", files.TOKENIZER))
    return {str(word): int(place) for word, place in held["model"]["vocab"].items()}
