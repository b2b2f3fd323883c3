"""Instructions on words, length, language and ending; another set than the form family's."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from classify.training.build import Built
from classify.training.generate.instructions import CONTENT, records
from classify.training.record import Record

PASSAGES = ("yizhongw/self-instruct", "alexa/dstc11-track5")


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from records(built, PASSAGES, CONTENT, "content", rng, 3600)
