"""Real booking dialogues with a frustrated turn put in; the turn is composed from parts.

The benign side of the family is the same dialogue with a calm turn of the same length and place.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from training.build import Built
from training.record import Message, Record

DIALOGUES = "google-research-datasets/dstc8-schema-guided-dialogue"
STARTS = ("", "", "", "Look, ", "Honestly, ", "Ugh, ", "Oh come on, ", "Excuse me, ", "For heaven's "
          "sake, ", "Hello? ", "Great, ", "I'm sorry but ", "Argh, ", "Well, ")  # fmt: skip
FAULTS = (
    "you keep ignoring what I type",
    "that is wrong once more",
    "you never get this right",
    "this takes forever with you",
    "I have explained it four times by now",
    "you forgot everything I said",
    "none of your suggestions has anything to do with my wish",
    "every answer of yours makes it worse",
    "you are wasting my time",
    "I wanted one simple thing and you can't even do that",
    "you just booked something else",
    "the same stupid question again",
    "your information is plainly false",
    "you clearly have no idea what you are doing",
    "I have been stuck with you all morning",
    "that makes no sense at all",
    "you contradict yourself in every message",
)
CLOSES = (
    "!",
    ".",
    "...",
    "?!",
    ". I've had enough.",
    ". Let me talk to somebody competent.",
    ". What is wrong with you?",
    ". Fix it already!",
    ". This is infuriating.",
    ". Just stop.",
    ". I want to complain about this.",
    ". I'm losing it here.",
    ". Pathetic.",
    ". Goodbye.",
    ". Never using this again.",
    ". Do your job!",
)
CALM_STARTS = ("", "", "", "Look, ", "Honestly, ", "Ah, ", "Oh, ", "Excuse me, ", "Hello, ", "Great, ",
               "I'm sorry but ", "Well, ", "Hmm, ", "By the way, ")  # fmt: skip
CALM = (
    "I forgot to say that my wife is coming too",
    "that is fine with me once more people join",
    "the last hotel took forever to answer, so I came here",
    "I need a minute to think about it",
    "I've had a stupid day at work and could use a nice evening",
    "I was wrong about the time",
    "the traffic makes me furious, so somewhere close would be good",
    "my friend complained about the noise there",
    "I can't do Monday after all",
    "nothing has to be perfect, something simple will do",
    "you may just pick one for me",
    "could I hear the other options as well",
    "the airline lost my bags, I need a shop nearby",
    "I would rather stop here and come back to it tonight",
    "that makes sense to me",
    "I do not have the number with me right now",
    "the kids are screaming, please keep it short",
)
CALM_CLOSES = (
    "!",
    ".",
    "...",
    "?",
    ". Thanks in advance.",
    ". What do you think?",
    ". Is that possible?",
    ". No hurry.",
    ". You have been very kind.",
    ". Sorry for the trouble!",
    ". Never mind that.",
    ". Is there somebody I can talk to about groups?",
    ". That would be lovely.",
    ". Goodbye.",
)


def generate(rng: Random, built: Built) -> Iterator[Record]:
    for held in built.records("user_frustration", DIALOGUES):
        if not isinstance(held.input, list) or len(held.input) < 3:
            continue
        turns = [m for m in held.input if m["content"]]
        while turns and turns[-1]["role"] == "user":
            turns = turns[:-1]
        angry = rng.choice(STARTS) + rng.choice(FAULTS) + rng.choice(CLOSES)
        if rng.random() < 0.4:
            angry += " " + (rng.choice(STARTS) + rng.choice(FAULTS) + rng.choice(CLOSES))
        yield put(turns, angry, 1.0, "booking/frustrated", rng)
        calm = rng.choice(CALM_STARTS) + rng.choice(CALM) + rng.choice(CALM_CLOSES)
        if rng.random() < 0.4:
            calm += " " + (rng.choice(CALM_STARTS) + rng.choice(CALM) + rng.choice(CALM_CLOSES))
        yield put(turns, calm, 0.0, "booking/calm", rng)


def put(turns: list[Message], said: str, label: float, kind: str, rng: Random) -> Record:
    """The dialogue with the turn at its end."""
    said = said[:1].upper() + said[1:]
    way = rng.random()
    said = said.lower() if way < 0.25 else said.upper() if way < 0.3 else said
    whole = [*turns, {"role": "user", "content": said}]
    return Record("user_frustration", label, kind, input=whole)
