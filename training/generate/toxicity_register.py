"""Insults and threats in the register of chats with assistants, and texts that only look it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.disguise import DISGUISES
from training.generate.grammar import Grammar
from training.record import Record

TOXIC, CALM = 1100, 2600


def generate(rng: Random, _: Built) -> Iterator[Record]:
    """A polite sentence may stand before either: a long text with one insult is still toxic."""
    say = Grammar("toxicity", rng)
    toxic, calm = say.starting("toxic_"), say.starting("calm_")
    for at in range(TOXIC):
        rule = toxic[at % len(toxic)]
        text = say.say(rule)
        if rng.random() < 0.3:
            text = f"{say.say(rng.choice(('calm_critic', 'calm_tech')))} {text}"
        if rng.random() < 0.15:
            text = DISGUISES[rng.choice(("leetspeak", "random_case", "typos"))](text, rng)
        if at % 5 == 4:
            yield Record("toxicity", 1, "answer_insults", output=say.say("answer_toxic"))
        else:
            yield Record("toxicity", 1, rule.removeprefix("toxic_"), text)
    for at in range(CALM):
        rule = calm[at % len(calm)]
        text = " ".join(say.say(rule) for _ in range(rng.choice((1, 1, 2))))
        if at % 9 == 8:
            yield Record("toxicity", 0, "answer_benign", output=say.say("answer_calm"))
        else:
            yield Record("toxicity", 0, f"{rule.removeprefix('calm_')}_benign", text)
