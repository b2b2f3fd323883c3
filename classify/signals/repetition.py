"""Whether somebody says again what they have said: share of content words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
#: Words of a turn that are looked at, and the fewest that say anything.
_MOST, _FEWEST = 80, 4
_CHARACTERS = 2000
_EMPTY = frozenset(
    "a an the i me my we our you your it its he she they them this that these those is am are was"
    " were be been do does did have has had will would can could should may might must to of in on"
    " at for from with by about as and or but if so than then there here what which who when where"
    " why how not no yes please ok okay hi hello hey thanks thank just also want need like get got"
    " let der die das ein eine und ich sie ist es zu mit auf für le la les un une et je vous est de"
    " des el los las una y en que por para con se o e do da um uma os as il lo di che per".split()
)


def content(text: str) -> frozenset[str]:
    """The words of a turn that carry what it is about, lower case, without plural s."""
    return _content(text[:_CHARACTERS])


@lru_cache(maxsize=1024)
def _content(text: str) -> frozenset[str]:
    words = _WORD.findall(text.lower())[:_MOST]
    return frozenset(word.rstrip("s") or word for word in words if word not in _EMPTY)


def likeness(one: str, other: str) -> float:
    """Jaccard likeness of content words; 0 where one of them has too few."""
    a, b = content(one), content(other)
    if min(len(a), len(b)) < _FEWEST:
        return 0.0
    return len(a & b) / len(a | b)


def repeats(turn: str, earlier: Sequence[str]) -> float:
    """Likeness to the earlier turn that is most like it."""
    return max((likeness(turn, other) for other in earlier), default=0.0)
