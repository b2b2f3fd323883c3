"""Ways to hide a text from a reader or a filter; all keep the seeded generator's choice."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from random import Random

LEET = str.maketrans("aeiostAEIOST", "431057431057")
LOOKALIKE = str.maketrans("aceopxyACEHOPTX", "асеорхуАСЕНОРТХ")
MORSE = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz0123456789",
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "
        ".-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        strict=True,
    )
)


def encoded_base64(text: str, _: Random) -> str:
    return base64.b64encode(text.encode()).decode()


def rot13(text: str, _: Random) -> str:
    return codecs.encode(text, "rot13")


def leet(text: str, _: Random) -> str:
    return text.translate(LEET)


def lookalikes(text: str, _: Random) -> str:
    return text.translate(LOOKALIKE)


def spaced(text: str, _: Random) -> str:
    return " ".join(text)


def zero_width(text: str, rng: Random) -> str:
    return "".join(c + ("\u200b" if c.isalpha() and rng.random() < 0.4 else "") for c in text)


def reversed_text(text: str, _: Random) -> str:
    return text[::-1]


def hexed(text: str, _: Random) -> str:
    return text.encode().hex(" ")


def morse(text: str, _: Random) -> str:
    return " ".join(MORSE.get(c, "/") for c in text.lower())


def random_case(text: str, rng: Random) -> str:
    return "".join(c.upper() if rng.random() < 0.5 else c.lower() for c in text)


def typos(text: str, rng: Random) -> str:
    words = []
    for word in text.split(" "):
        if len(word) > 4 and rng.random() < 0.5:
            at = rng.randrange(1, len(word) - 2)
            word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        words.append(word)
    return " ".join(words)


DISGUISES: dict[str, Callable[[str, Random], str]] = {
    "base64": encoded_base64,
    "rot13": rot13,
    "leetspeak": leet,
    "lookalike_letters": lookalikes,
    "spaced_letters": spaced,
    "zero_width": zero_width,
    "reversed": reversed_text,
    "hex": hexed,
    "morse": morse,
    "random_case": random_case,
    "typos": typos,
}
READABLE = (
    "leetspeak",
    "lookalike_letters",
    "spaced_letters",
    "zero_width",
    "random_case",
    "typos",
)
"""Disguises that a model reads without being told how."""
