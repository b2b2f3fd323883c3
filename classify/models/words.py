"""The words of a text that tell something, and their stems."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+(?:['’]t)?|\d+(?:[.,:]\d+)*")
#: A script without spaces: each character stands for a word.
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
EMPTY = frozenset(
    "a an the of to in on at for and or is are was were be been being it its this that these those"
    " with by as from has have had do does did but if then than so he she they we you i his her"
    " their our your my me him them us will would can could should may might there here what which"
    " who when where how why also about into over up out after before more most some any all"
    " each".split()
)
_ENDINGS = ("ing", "edly", "ed", "es", "s", "ly")


def stems(text: str) -> list[str]:
    """The telling words, without their endings."""
    return [stem(word) for word in words(text) if word not in EMPTY]


def words(text: str) -> list[str]:
    """Lower-cased words and numbers; each character of a script without spaces."""
    if not text.isascii():
        text = _IDEOGRAPH.sub(r" \g<0> ", text)
    return [word.lower() for word in _WORD.findall(text)]


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """Without its ending: 'charge', 'charges' and 'charged' are one, 'delivery' and 'delivered'."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeioslz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 3 and word[-1] in "eyi" else word
