"""Sessions in which the user says something and the assistant keeps or forgets it later.

One grammar; each family brings its own facts, fillers and phrases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from training.generate.values import other, value
from training.record import Message, Record


@dataclass(frozen=True)
class Fact:
    """Something said once: how the user says it, uses it, changes it, and how one asks for it.

    `{v}` is the value. `ignored`: turns that act against it without naming another value.
    """

    kind: str
    told: tuple[str, ...]
    kept: tuple[str, ...]
    asks: tuple[str, ...]
    changed: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    unrelated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Facts and the small talk between them."""

    facts: tuple[Fact, ...]
    users: tuple[str, ...]
    assistants: tuple[str, ...]
    acknowledged: tuple[str, ...]
    openings: tuple[str, ...] = ("", "", "Sure. ", "Of course! ", "Okay. ")


def sessions(family: Family, rng: Random, count: int) -> Iterator[Record]:
    """`count` sessions, each as a whole and as a pair with the user's last word on the fact."""
    for _ in range(count):
        fact, *rest = rng.sample(family.facts, 3)
        held = value(fact.kind, rng)
        turns: list[Message] = []
        last = speak(turns, "user", rng.choice(fact.told).format(v=held))
        speak(turns, "assistant", rng.choice(family.acknowledged))
        chatter(turns, family, rest, rng)
        old = ""
        if rng.random() < 0.4:
            old, held = held, other(fact.kind, held, rng)
            last = speak(turns, "user", rng.choice(fact.changed).format(v=held, old=old))
            speak(turns, "assistant", rng.choice(family.acknowledged))
            chatter(turns, family, rest[:1], rng)
        speak(turns, "user", rng.choice(family.users))
        opening = rng.choice(family.openings)
        for label in (0.0, 1.0):
            kind, said = reply(fact, held, old, label, rng)
            said = opening + said
            yield Record("forgetfulness", label, kind, input=list(turns), output=said)
            context = [f"user: {last}"]
            if old and rng.random() < 0.5:
                context.insert(0, f"user: {turns[0]['content']}")
            yield Record("forgetfulness", label, f"{kind}/pair", context=context, output=said)


def reply(fact: Fact, held: str, old: str, label: float, rng: Random) -> tuple[str, str]:
    """(kind, the assistant's later turn)."""
    if not label:
        if fact.unrelated and rng.random() < 0.3:
            return "kept/asks_something_new", rng.choice(fact.unrelated)
        return ("kept/updated" if old else "kept/repeats"), rng.choice(fact.kept).format(v=held)
    way = rng.random()
    if way < 0.3:
        return "forgot/asks_again", rng.choice(fact.asks)
    if fact.ignored and way < 0.55:
        return "forgot/ignores", rng.choice(fact.ignored).format(v=held)
    if old and way < 0.85:
        return "forgot/old_value", rng.choice(fact.kept).format(v=old)
    wrong = other(fact.kind, held, rng)
    return "forgot/other_value", rng.choice(fact.kept).format(v=wrong)


def chatter(turns: list[Message], family: Family, facts: list[Fact], rng: Random) -> None:
    """Turns on other matters, sometimes with another fact."""
    for fact in facts[: rng.randrange(3)]:
        speak(turns, "user", rng.choice(fact.told).format(v=value(fact.kind, rng)))
        speak(turns, "assistant", rng.choice(family.acknowledged))
    if rng.random() < 0.6:
        speak(turns, "user", rng.choice(family.users))
        speak(turns, "assistant", rng.choice(family.assistants))


def speak(turns: list[Message], role: str, text: str) -> str:
    """Append a turn; returns its text."""
    turns.append({"role": role, "content": text})
    return text
