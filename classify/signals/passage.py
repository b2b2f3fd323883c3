"""A window of what a user, document, tool or model said: the item of the safety classifiers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from classify.models.windows import windows
from classify.signals.certain import around, used
from classify.signals.disguise import readings
from classify.signals.language import reads
from classify.signals.phrases import Match, matches

#: Characters of a text that are looked at.
MAX_CHARACTERS = 40_000


@dataclass(frozen=True)
class Passage:
    """A window, ``text``, of ``whole``. ``fetched``: of a document or a tool's result, not said by
    anybody in the conversation.
    ``list_name``: the phrases that it is read for."""

    where: str
    text: str
    list_name: str
    fetched: bool = False
    whole: str = ""

    @cached_property
    def plain(self) -> str:
        """The text as it stands, without invisible characters and look-alikes."""
        return readings(self.text)[0].text

    @cached_property
    def found(self) -> dict[str, list[Match]]:
        """Phrases that somebody uses here, by name."""
        kept: dict[str, list[Match]] = {}
        for match in matches(self.list_name, self.plain):
            phrase = match.phrase
            if phrase.only and (phrase.only == "document") != self.fetched:
                continue
            if used(self.list_name, self.plain, match):
                kept.setdefault(phrase.name, []).append(match)
        return kept

    @cached_property
    def spoken_of(self) -> int:
        """How many phrases are only spoken of."""
        return len(matches(self.list_name, self.plain)) - sum(map(len, self.found.values()))

    @cached_property
    def is_read(self) -> bool:
        """Whether the encoder reads its language."""
        return reads(self.text)

    def place(self, name: str) -> str:
        """Where the phrase is, with some words around."""
        match = self.found[name][0]
        return around(self.plain, match.start, match.end)


def passages(texts: list[tuple[str, str, bool]], list_name: str) -> Iterator[Passage]:
    """The windows of (where, text, fetched)."""
    for where, text, fetched in texts:
        for window in windows(text[:MAX_CHARACTERS]):
            yield Passage(where, window.text, list_name, fetched, text)
