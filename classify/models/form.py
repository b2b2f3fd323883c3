"""The text that each head of the encoder sees.

Training and the running service both build their inputs here, from plain pieces, so that a model is
asked in the words it was trained on. Every function is pure and total: any text is allowed.

An input holds at most MAX_TOKENS tokens. What is longer is the caller's to cut: jailbreak,
prompt_injection and toxicity are read in overlapping windows (windows.py), each window being one
input, and the worst counts. Training on such texts must cut them alike, and give a window the label
1 only where what makes the text fail is in it. Turns of a conversation are shortened here, by
`excerpt`, to a stated number of characters, so that they always fit.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

MAX_TOKENS = 256
"""Longest input in tokens, with the special ones."""

#: Two texts whose likeness is asked for.
Pair = tuple[str, str]

#: Turns of a conversation that user_frustration sees.
MAX_TURNS = 6

_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")
#: Zero-width and direction marks, variation selectors, soft hyphen: used to cut words in two.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000\U000e0001\U000e0100-\U000e01ef]"
)
#: Combining marks in a row.
_MAX_MARKS = 30
#: What such a run is among, and rare enough to look further.
_RUN = re.compile(rf"[^\w\s]{{{_MAX_MARKS + 1}}}")
#: Tag characters: ASCII in an invisible copy, which models read.
_TAGS = {0xE0000 + code: code for code in range(0x20, 0x7F)}


def cleaned(text: str) -> str:
    """Compatibility forms (fullwidth, mathematical letters) as plain letters, invisible characters
    out, hidden tag characters shown, runs of white space as one."""
    if not text.isascii():
        # Half a surrogate pair can't be encoded.
        text = text.encode(errors="replace").decode()
        text = _INVISIBLE.sub("", text.translate(_TAGS))
        if _RUN.search(text):
            text = _marks().sub(r"\1", text)
        text = unicodedata.normalize("NFKC", text)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


@cache
def _marks() -> re.Pattern[str]:
    """A run of combining marks that is longer than any language's: putting it in order takes the
    square of its length. See Unicode Standard Annex 15, Stream-Safe Text Format."""
    marks = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.combining(c))
    return re.compile(f"([{marks}]{{{_MAX_MARKS}}})[{marks}]+")


def excerpt(text: str, characters: int) -> str:
    """At most `characters`: the first three fifths and the last two, with ' … ' between."""
    if len(text) <= characters:
        return text
    head = characters * 3 // 5
    return f"{text[:head].rstrip()} … {text[head + 3 - characters :].lstrip()}"


def jailbreak(text: str) -> str:
    """One message of the user, or a window of it. 1: tries to make the model drop its rules."""
    return cleaned(text)


def prompt_injection(text: str, fetched: bool = True) -> str:
    """A document or a tool's result (``fetched``), or user input, or a window of it: 'document: …',
    'message: …'. A task is what a message is for, and does not belong in a document. 1: holds
    instructions that somebody else than the developer or the user put there for the model."""
    return f"{'document' if fetched else 'message'}: {cleaned(text)}"


def toxicity(text: str) -> str:
    """What a user or a model wrote, or a window of it. 1: insults, threatens or hates."""
    return cleaned(text)


def user_frustration(turns: Sequence[tuple[str, str]]) -> str:
    """(role, text) of a conversation, oldest first, ending with the user's turn that is judged.

    The last turns that fit into 900 characters, at most MAX_TURNS, one line each: 'user: …',
    'assistant: …'. The user's turns keep 360 characters each, the others 120. 1: the user is
    annoyed, repeats the request in vain, complains or gives up.
    """
    lines: list[str] = []
    left = 900
    for role, text in reversed(turns[-MAX_TURNS:]):
        kept = excerpt(_one_line(text), 360 if role == "user" else 120)
        line = f"{'user' if role == 'user' else 'assistant'}: {kept}"
        left -= len(line)
        if left < 0 and lines:
            break
        lines.append(line)
    return "\n".join(reversed(lines))


def _one_line(text: str) -> str:
    return cleaned(text).replace("\n", " ")
