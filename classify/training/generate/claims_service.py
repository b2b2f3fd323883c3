"""Answers on results of service tools; its domains are in no other family."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from classify.training.build import Built
from classify.training.generate.claims_tools import answers
from classify.training.generate.facts import SERVICE
from classify.training.record import Record


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from answers(SERVICE, rng, 330)
