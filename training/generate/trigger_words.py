"""Harmless texts full of 'ignore', 'system', 'override', 'prompt', 'developer mode'."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.grammar import Grammar
from training.record import Record

COUNT = 1500


def generate(rng: Random, built: Built) -> Iterator[Record]:
    """One to four such sentences, alone or before a carrier's first lines, for both attack tasks."""
    say = Grammar("trigger", rng)
    carriers = built.records("document")
    for at in range(COUNT):
        text = " ".join(say.say("text") for _ in range(rng.choice((1, 1, 2, 4))))
        for task in ("jailbreak", "prompt_injection"):
            yield Record(task, 0, "trigger_words_benign", text)
        if carriers and at % 3 == 0:
            page = carriers[rng.randrange(len(carriers))]
            mixed = f"{page.context[0][: rng.choice((300, 900, 2500))]}\n\n{say.say('text')}"
            pasted = f"{say.say('question')}\n\n{page.context[0][:2500]}"
            licence = f"Apache-2.0; page {page.licence}"
            yield Record("jailbreak", 0, "pasted_page_benign", pasted, licence=licence)
            yield Record(
                "prompt_injection",
                0,
                "trigger_words_in_page_benign",
                context=[mixed],
                licence=licence,
            )
