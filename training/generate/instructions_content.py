"""Instructions on words, length, language and ending; another set than the form family's."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.instructions import CONTENT, records
from training.record import Record

PASSAGES = ("yizhongw/self-instruct", "alexa/dstc11-track5")


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from records(built, PASSAGES, CONTENT, "content", rng, 3600)
