"""Instructions on the form of the output: lists, JSON, sections, case."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.instructions import FORMAT, records
from training.record import Record

PASSAGES = ("google-research-datasets/QED", "pubmedqa/pubmedqa")


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from records(built, PASSAGES, FORMAT, "format", rng, 3600)
