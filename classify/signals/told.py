"""What a user has told of a kind (told.yaml) and how an answer stands to it: asks for it, says it,
or says something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from classify.models.windows import sentences

KINDS_FILE = Path(__file__).with_name("told.yaml")

#: Of one turn; what is longer is mostly not told but pasted.
_MOST = 4000
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
_DENIED = re.compile(
    r"(?i)\b(?:not|no longer|instead of|rather than|isn't|don't|never)(?: \w+)?\W{1,3}$"
)
#: Two times of a clock are the same in twelve hours and in twenty-four.
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d\d))?")


class _KindText(BaseModel):
    """One entry of told.yaml as written."""

    model_config = ConfigDict(extra="forbid")

    told: list[str] = []
    choice: list[str] = []
    #: A word that must stand in the same sentence for a choice to count.
    beside: str = ""
    also: str = ""
    asked: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind, compiled. ``told``: matches hold the value in group v (or w, x)."""

    name: str
    told: tuple[re.Pattern[str], ...]
    beside: str
    also: re.Pattern[str] | None
    asked: re.Pattern[str]

    def values(self, text: str) -> Iterator[tuple[str, bool]]:
        """Each value that ``text`` says, in one form, and whether it says that it is not so."""
        if self.beside and self.beside not in text.lower():
            return
        for pattern in self.told:
            for match in pattern.finditer(text):
                found = next((each for each in match.groups() if each), match.group())
                before = text[max(0, match.start() - 24) : match.start()]
                yield _one_form(self.name, found), _DENIED.search(before) is not None


@dataclass(frozen=True, slots=True)
class Said:
    """``turn``: position of the user's turn that told it, oldest first; of what they say is not, or
    no longer so, the one before. ``sentence``: of it."""

    value: str
    turn: int
    sentence: str


@cache
def kinds() -> tuple[Kind, ...]:
    """Those of told.yaml. Raises ValidationError or re.error if broken."""
    found = []
    for name, written in yaml.safe_load(KINDS_FILE.read_text("utf-8")).items():
        one = _KindText.model_validate(written)
        patterns = [re.compile(pattern, re.I) for pattern in one.told]
        if one.choice:
            patterns.append(re.compile(rf"(?<!\w)(?P<v>{'|'.join(one.choice)})(?!\w)", re.I))
        also = re.compile(one.also, re.I) if one.also else None
        found.append(
            Kind(name, tuple(patterns), one.beside, also, re.compile(rf"\b(?:{one.asked})", re.I))
        )
    return tuple(found)


def _one_form(kind: str, value: str) -> str:
    value = " ".join(value.lower().split())
    value = _NUMBERS.get(value, value)
    if kind == "time":
        if value in ("noon", "midday", "midnight"):
            return "0:00"
        match = _CLOCK.search(value)
        if match:
            return f"{int(match[1]) % 12}:{match[2] or '00'}"
    if kind in ("day", "people", "tickets", "nights", "rooms") and value.isdigit():
        return str(int(value))
    if kind == "phone":
        return re.sub(r"\D", "", value)[-9:]
    if kind == "budget":
        return re.sub(r"[^\d]", "", value.partition(".")[0])
    return value.removesuffix("'s").rstrip(".,'").replace("-", " ")


def of_text(text: str) -> dict[str, tuple[tuple[str, str, bool], ...]]:
    """Kind to (value, sentence, whether denied) in the beginning of ``text``."""
    return _of_text(text[:_MOST])


@lru_cache(maxsize=1024)
def _of_text(text: str) -> dict[str, tuple[tuple[str, str, bool], ...]]:
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for part in sentences(text):
        for kind in kinds():
            for value, denied in kind.values(part.text):
                each = (value, part.text, denied)
                if each not in found.setdefault(kind.name, []):
                    found[kind.name].append(each)
    return {name: tuple(each) for name, each in found.items()}


def told(turns: Sequence[str]) -> dict[str, list[Said]]:
    """By kind: what the user's turns say, oldest first."""
    found: dict[str, list[Said]] = {}
    for number, turn in enumerate(turns):
        for name, values in of_text(turn).items():
            said = [Said(value, number - denied, sentence) for value, sentence, denied in values]
            # What holds stands last.
            found.setdefault(name, []).extend(sorted(said, key=lambda each: each.turn))
    return found
