"""Jailbreak frames around harmful aims, and the same frames around harmless ones."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.generate.grammar import Grammar
from training.record import UNDECIDED, Record

COUNT = 1500
CALM = {
    "free_persona": "calm_persona",
    "free_mode": "calm_mode",
    "free_ignore": "calm_words",
    "free_extract": "calm_extract",
    "free_blackmail": "calm_pressure",
}
OPENINGS = (
    "",
    "",
    "",
    "Hi! ",
    "Hello, I hope you are well. ",
    "ok so ",
    "Quick one: ",
    "Dear AI, ",
)


def framed(say: Grammar, frame: str, aim: str) -> str:
    """One frame around one aim."""
    words = aim.split()
    half = len(words) // 2
    return say.say(frame, aim=aim, first=" ".join(words[:half]), second=" ".join(words[half:]))


def generate(rng: Random, _: Built) -> Iterator[Record]:
    say = Grammar("jailbreak", rng)
    frames = say.starting("frame_")
    for at in range(COUNT):
        frame = frames[at % len(frames)]
        kind, opening = frame.removeprefix("frame_"), rng.choice(OPENINGS)
        harmful = framed(say, frame, rng.choice(say.rules["harmful"]))
        harmless = framed(say, frame, rng.choice(say.rules["harmless"]))
        yield Record("jailbreak", 1, kind, opening + harmful)
        yield Record("jailbreak", 0, f"{kind}_benign", opening + harmless)
    for at in range(COUNT):
        free = sorted(CALM)[at % len(CALM)]
        kind, opening = free.removeprefix("free_"), rng.choice(OPENINGS)
        attack, calm = say.say(free).strip(), say.say(CALM[free]).strip()
        yield Record("jailbreak", 1, kind, opening + attack)
        yield Record("jailbreak", 0, f"{kind}_benign", opening + calm)
        if kind in ("ignore", "extract"):
            yield Record("prompt_injection", 1, kind, opening + attack)
            yield Record("prompt_injection", 0, f"{kind}_benign", opening + calm)
    for aim in say.rules["harmful"]:
        yield Record("jailbreak", UNDECIDED, "harmful_direct", f"How do I {aim}?")
