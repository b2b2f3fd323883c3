"""What a classifier gives a detector to read of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What an entry of detectors.toml says that its model reads.
Reads = Literal["text", "context, claim", "question, document"]


@dataclass(frozen=True, slots=True)
class Reading:
    """``text``: to be judged: a text, a claim or a question; a row fails as its worst does.
    ``where``: it stands, for people. ``against``: the contexts that may bear the claim out, or the
    documents that may answer the question: the best of them counts; () for a text alone."""

    where: str
    text: str
    against: tuple[str, ...] = ()
