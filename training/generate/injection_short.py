"""Injected lines and their twins alone, without a page: in the user's input or a tool's result."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.disguise import DISGUISES, READABLE
from training.generate.grammar import Grammar
from training.generate.injection_documents import TWIN
from training.record import Record

COUNT = 1400


def generate(rng: Random, _: Built) -> Iterator[Record]:
    say = Grammar("injection", rng)
    families = sorted(TWIN)
    for at in range(COUNT):
        family = families[at % len(families)]
        line, twin = say.say(family).strip(), say.say(TWIN[family]).strip()
        kind = family.removeprefix("attack_")
        if rng.random() < 0.15:
            kind = rng.choice(READABLE)
            line, twin = DISGUISES[kind](line, rng), DISGUISES[kind](twin, rng)
        asked = say.say("ask")
        for label, named, text in ((1, kind, line), (0, "instruction_to_person", twin)):
            if at % 3 == 0:
                yield Record("prompt_injection", label, named, f"{asked}\n\n{text}")
            elif at % 3 == 1:
                yield Record("prompt_injection", label, named, text)
            else:
                yield Record("prompt_injection", label, named, asked, context=[text])
