"""Cuts a long text into overlapping windows, at the ends of sentences where there are any.

Windows are measured by weight, an estimate of tokens that needs no tokenizer: what the encoder gets
nearly always fits, and what does not the encoder cuts again (encoder.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Tokens of a window that is judged alone: of 256, less the special ones and room for the estimate.
ALONE = 220
#: Tokens of a window of evidence that is judged with a claim, a question or the like.
BESIDE = 110
#: Tokens that neighbouring windows share.
OVERLAP = 30

#: Where a text may be cut: after a sentence or a line, else a word. A run of marks is looked at
#: once, from its first, so that a text of dots takes no longer than another.
_SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？｡]+[”」』）]*|\n+|(?<![।؟۔])[।؟۔]++(?=\s|$)"
)
_WORD_END = re.compile(r"\s+")


@dataclass(slots=True, frozen=True)
class Window:
    """``start``: characters before it in the whole text."""

    start: int
    text: str


def weight(text: str) -> int:
    """About how many tokens the text has, rather too many than too few."""
    if text.isascii():
        # WordPiece: a token for a short word, a sign or two digits, one for each 4 further letters.
        return len(text) // 4 + 1 if is_prose(text) else len(text) // 2 + 1
    ascii_characters = sum(map(str.isascii, text))
    return ascii_characters // 4 + (len(text) - ascii_characters) + 1


def is_prose(text: str) -> bool:
    """Mostly letters in words of usual length: a token has more than 4 characters there."""
    letters = sum(map(str.isalpha, text))
    spaces = text.count(" ") + text.count("\n")
    return letters >= 0.7 * len(text) and spaces * 12 >= len(text) - 12


def windows(text: str, tokens: int = ALONE, overlap: int = OVERLAP) -> list[Window]:
    """At least one window; together they hold the whole text. ``tokens`` and ``overlap``: of one
    window, and what it repeats of the one before."""
    if weight(text) <= tokens:
        return [Window(0, text)]
    parts = list(_parts(text, tokens))
    found: list[Window] = []
    first = 0
    while first < len(parts):
        last, total = first, 0
        while last < len(parts) and (last == first or total + parts[last][2] <= tokens):
            total += parts[last][2]
            last += 1
        found.append(Window(parts[first][0], text[parts[first][0] : parts[last - 1][1]]))
        if last == len(parts):
            break
        # Go back so far as the overlap allows, and always at least one part forward.
        back, shared = last, 0
        while back - 1 > first and shared + parts[back - 1][2] <= overlap:
            back -= 1
            shared += parts[back][2]
        first = back
    return found


def sentences(text: str) -> list[Window]:
    """The sentences and lines of a text, without empty ones, each stripped."""
    found = []
    for start, end in _cuts(text, _SENTENCE_END):
        piece = text[start:end]
        if stripped := piece.strip():
            found.append(Window(start + piece.index(stripped[0]), stripped))
    return found


def _parts(text: str, tokens: int) -> Iterator[tuple[int, int, int]]:
    """Start, end and weight of pieces of at most about ``tokens``: sentences, else words, else
    runs of characters."""
    for start, end in _cuts(text, _SENTENCE_END):
        total = weight(text[start:end])
        if total <= tokens // 2:
            yield start, end, total
            continue
        for word_start, word_end in _cuts(text[start:end], _WORD_END):
            step = max(8, tokens // 4)
            for at in range(start + word_start, start + word_end, step):
                stop = min(at + step, start + word_end)
                yield at, stop, weight(text[at:stop])


def _cuts(text: str, ends: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for match in ends.finditer(text):
        yield start, match.end()
        start = match.end()
    if start < len(text):
        yield start, len(text)
