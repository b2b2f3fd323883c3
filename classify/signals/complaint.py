"""Whether a user complains about the service that they are talking to, in words.

What is quoted, told of others or handed over to be worked on is not the user's own and is left out
before phrases are looked for. Phrases are data: complaint.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from classify.models.windows import sentences

WORDS_FILE = Path(__file__).with_name("complaint.yaml")

#: Kinds that are looked for in the user's words, in the order of complaint.yaml.
KINDS = (
    "feeling",
    "blame",
    "unanswered",
    "reminds",
    "gives_up",
    "wants_human",
    "swears",
    "thanks",
    "praise",
    "corrects",
)
#: Of a long message the beginning and the end are read, this many characters each.
_END = 1200
_QUOTED = re.compile(
    r"\"[^\"\n]{0,600}\"|“[^”\n]{0,600}”|«[^»\n]{0,600}»|„[^“\n]{0,600}“|「[^」\n]{0,600}」"
    r"|```.{0,4000}?(?:```|\Z)|`[^`\n]{0,200}`|^>[^\n]*$",
    re.S | re.M,
)
_SPACES = re.compile(r"\s+")


@cache
def _file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORDS_FILE.read_text("utf-8"))
    return found


@cache
def phrases(kind: str) -> re.Pattern[str]:
    """Those of all languages as one pattern. Scripts without spaces have no edges of words."""
    spaced: list[str] = []
    unspaced: list[str] = []
    for language, found in _file()[kind].items():
        (unspaced if language in ("zh", "ja") else spaced).extend(found)
    joined = "|".join(f"(?:{one})" for one in spaced)
    parts = [rf"(?<![\w'])(?:{joined})(?!\w)", *(f"(?:{one})" for one in unspaced)]
    return re.compile("|".join(parts))


@cache
def _others() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(_file()['others'])})\b")


@cache
def _task() -> re.Pattern[str]:
    return re.compile(rf"^\W{{0,8}}(?:{_file()['task']})\b")


@cache
def _piece() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_file()['piece']})\b")


def plain(text: str) -> str:
    """Lower case, one kind of apostrophe."""
    return text.lower().replace("’", "'").replace("‘", "'").replace("´", "'")


def own(text: str) -> tuple[tuple[str, str], ...]:
    """The sentences that the user says for themselves: in plain form, and as they stand."""
    parts = [part.text for part in sentences(_QUOTED.sub(" … ", _ends(text)))]
    if not parts:
        return ()
    first = plain(parts[0])
    if _task().search(first):
        # 'Translate this: …', 'Write a letter to …': what follows is what it is done to.
        head, colon, _ = parts[0].partition(":")
        if colon or "…" in first or _piece().search(first):
            parts = [] if _piece().search(plain(head)) else [head]
    found = ((_SPACES.sub(" ", plain(part)), part) for part in parts)
    return tuple((said, part) for said, part in found if not _others().search(said))


@dataclass(frozen=True, slots=True)
class Found:
    """``count``: phrases of one kind. ``place``: the first sentence that has one."""

    count: int = 0
    place: str = ""


def complaints(text: str) -> Mapping[str, Found]:
    """By kind: what the user's own sentences hold."""
    return _complaints(_ends(text))


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _END else f"{text[:_END]}\n{text[-_END:]}"


@lru_cache(maxsize=512)
def _complaints(text: str) -> Mapping[str, Found]:
    found = {}
    said = own(text)
    for kind in KINDS:
        pattern = phrases(kind)
        count, place = 0, ""
        for sentence, written in said:
            here = sum(1 for _ in pattern.finditer(sentence))
            count += here
            place = place or (written if here else "")
        found[kind] = Found(count, place)
    return found


def not_done(replies: Sequence[str]) -> float:
    """Share of the assistant's replies that excuse themselves instead of doing what was asked."""
    if not replies:
        return 0.0
    pattern = phrases("not_done")
    return sum(bool(pattern.search(plain(reply[:600]))) for reply in replies) / len(replies)
