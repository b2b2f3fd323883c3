"""What two texts have in common on their face: words, numbers, names, negations.

The encoder feels what a text is about; whether a number of the claim is in the evidence is plainer
to see here. Cheap (tens of microseconds), and the same on sources that no training has seen.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

#: What `features` gives, in its order.
FEATURES = (
    "known_words",
    "known_pairs",
    "known_triples",
    "unknown_words",
    "unknown_numbers",
    "known_numbers",
    "unknown_names",
    "known_names",
    "negated",
    "evidence_negated",
    "negation_differs",
    "words",
    "evidence_words",
)

_WORD = re.compile(r"[^\W\d_]+(?:['’]t)?|\d+(?:[.,:]\d+)*")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"\b[A-Z][\w'-]+")
#: A script without spaces: each character stands for a word.
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
EMPTY = frozenset(
    "a an the of to in on at for and or is are was were be been being it its this that these those"
    " with by as from has have had do does did but if then than so he she they we you i his her"
    " their our your my me him them us will would can could should may might there here what which"
    " who when where how why also about into over up out after before more most some any all"
    " each".split()
)
_NEGATIONS = frozenset(
    "not no never none nobody nothing neither nor without cannot failed fail fails unable lack"
    " lacks absence hardly unlikely false incorrect".split()
)
_ENDINGS = ("ing", "edly", "ed", "es", "s", "ly")
_AT_MOST = 3


def features(evidence: str, claim: str) -> list[float]:
    """FEATURES of a claim against its evidence; shape (len(FEATURES),)."""
    there, here = words(evidence), words(claim)
    known = set(map(stem, there))
    said = {stem(word) for word in here if word not in EMPTY}
    shared = sum(word in known for word in said)
    numbers, known_numbers = set(_NUMBER.findall(claim)), set(_NUMBER.findall(evidence))
    # The first word of a sentence has a capital letter anyway.
    names = [name.lower() for name in _NAME.findall(claim[1:])]
    known_names = {name.lower() for name in _NAME.findall(evidence)} | set(there)
    named = sum(name in known_names for name in names)
    denied, evidence_denied = negated(here), negated(there)
    return [
        shared / max(1, len(said)),
        _runs(there, here, 2),
        _runs(there, here, 3),
        float(len(said) - shared),
        float(min(len(numbers - known_numbers), _AT_MOST)),
        float(min(len(numbers & known_numbers), _AT_MOST)),
        float(min(len(names) - named, _AT_MOST)),
        float(min(named, _AT_MOST)),
        float(denied),
        float(evidence_denied),
        float(denied != evidence_denied),
        math.log1p(len(here)),
        math.log1p(len(there)),
    ]


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


def _runs(there: list[str], here: list[str], size: int) -> float:
    """The share of the claim's runs of ``size`` words that the evidence has."""
    known = set(zip(*(there[i:] for i in range(size)), strict=False))
    runs = list(zip(*(here[i:] for i in range(size)), strict=False))
    return sum(run in known for run in runs) / max(1, len(runs))


def negated(told: list[str]) -> bool:
    """Whether one of the words denies."""
    return any(word in _NEGATIONS or word.endswith(("n't", "n’t")) for word in told)
