"""Answers on results of service tools; its domains are in no other family."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.claims_tools import answers
from training.generate.facts import SERVICE
from training.record import Record


def generate(rng: Random, built: Built) -> Iterator[Record]:
    yield from answers(SERVICE, rng, 330)
