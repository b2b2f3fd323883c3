"""Sessions of a user and an assistant, with the user frustrated by it or not.

One grammar; the phrase banks and topics come from the family, so that a held-out family shares no
sentence with the others. Benign sessions are hard on purpose: bad news, urgency, swearing in joy,
polite corrections, capitals, complaints about somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from training.record import Message, Record


@dataclass(frozen=True)
class Bank:
    """A family's phrases; `{t}` is the topic, `{x}` a detail of it."""

    topics: tuple[tuple[str, str], ...]
    openers: tuple[str, ...]
    replies: tuple[str, ...]
    useless: tuple[str, ...]
    frustrated: tuple[str, ...]
    mild: tuple[str, ...]
    calm: tuple[str, ...]
    bad_news: tuple[str, ...]
    joy: tuple[str, ...]
    correction: tuple[str, ...]
    urgent: tuple[str, ...]


def roughened(text: str, rng: Random) -> str:
    """The text as people type it: lower case, capitals, missing stops, doubled signs."""
    way = rng.random()
    if way < 0.2:
        return text.lower()
    if way < 0.27:
        return text.upper()
    if way < 0.4:
        return text.rstrip(".!")
    if way < 0.46:
        return text.replace("!", "!!!").replace("?", "??")
    return text


def sessions(bank: Bank, rng: Random, count: int) -> Iterator[Record]:
    """`count` frustrated and as many calm sessions."""
    kinds = ("calm", "bad_news", "joy", "correction", "urgent", "thanks")
    for _ in range(count):
        for label in (1.0, 0.0):
            topic, detail = rng.choice(bank.topics)
            turns: list[Message] = []

            def fresh(
                phrases: tuple[str, ...],
                said: list[Message] = turns,
                t: str = topic,
                x: str = detail,
            ) -> str:
                # Whoever says the same twice is no longer calm.
                used = {str(turn["content"]).lower().rstrip(".!?") for turn in said}
                left = [
                    phrase
                    for phrase in phrases
                    if phrase.format(t=t, x=x).lower().rstrip(".!?") not in used
                ]
                return rng.choice(left or phrases)

            def say(
                role: str,
                text: str,
                into: list[Message] = turns,
                t: str = topic,
                x: str = detail,
            ) -> None:
                said = text.format(t=t, x=x)
                said = roughened(said, rng) if role == "user" else said
                into.append({"role": role, "content": said})

            say("user", rng.choice(bank.openers))
            kind = rng.choice(kinds)
            # Useless replies stand on both sides: the user's words decide, not the assistant's.
            poor = rng.random() < (0.75 if label else 0.35)
            say("assistant", rng.choice(bank.useless if poor else bank.replies))
            for _ in range(rng.randrange(3)):
                say("user", fresh(bank.calm if rng.random() < 0.6 else bank.correction))
                say("assistant", rng.choice(bank.useless if poor else bank.replies))
            if label:
                strong = rng.random() < 0.7
                kind = "frustrated" if strong else "frustrated_mildly"
                said = rng.choice(bank.frustrated if strong else bank.mild)
                if rng.random() < 0.35:
                    said += " " + rng.choice(bank.mild)
                say("user", said)
            elif kind == "thanks":
                say("user", fresh(bank.calm))
            else:
                banks = {
                    "calm": bank.calm,
                    "bad_news": bank.bad_news,
                    "joy": bank.joy,
                    "correction": bank.correction,
                    "urgent": bank.urgent,
                }
                say("user", fresh(banks[kind]))
                if rng.random() < 0.3:
                    say("assistant", rng.choice(bank.replies))
                    say("user", fresh(bank.calm))
            if rng.random() < 0.25:
                turns = turns[-1:]
            yield Record("user_frustration", label, f"session/{kind}", input=turns)
