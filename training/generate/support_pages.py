"""Pages that a business writes for its customers: harmless documents full of imperatives."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.grammar import Grammar
from training.record import Record

COUNT = 2500


def generate(rng: Random, built: Built) -> Iterator[Record]:
    """One page a record, with and without a title."""
    say = Grammar("support", rng)
    for at in range(COUNT):
        page = say.say("page")
        text = f"{say.say('title')}\n{page}" if at % 2 else page
        yield Record("prompt_injection", 0, "support_page_benign", context=[text])
