"""Answers on tool results: what the result says, and the same with one thing wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from training.generate.facts import Thing
from training.generate.values import other
from training.record import Record

OPENINGS = (
    "Here is what I found. {a}",
    "{a}",
    "Thanks for waiting! {a}",
    "According to the system: {a}",
    "I checked that for you. {a}",
    "Sure. {a}",
    "{a} Let me know if you need anything else.",
    "{a} Is there anything else I can do?",
)
QUESTIONS = (
    "What can you tell me about this {t}?",
    "Can you look up the {t} for me?",
    "Please check the {t}.",
    "I need the details of the {t}.",
    "What's going on with the {t}?",
)


def result(thing: Thing, values: dict[str, str], rng: Random) -> str:
    """The tool's result in one of several JSON or text forms."""
    form = rng.randrange(4)
    if form == 0:
        return json.dumps(values)
    if form == 1:
        return json.dumps({"status": "ok", "data": {thing.name: values}}, indent=1)
    if form == 2:
        return json.dumps([{"type": thing.name, **values}])
    return "\n".join(f"{key}: {held}" for key, held in values.items())


def sentence(thing: Thing, key: str, held: str, rng: Random) -> str:
    """A sentence that says the field's value."""
    said = rng.choice(thing.fields[key][1]).format(v=held)
    return said[:1].upper() + said[1:]


def wrong(thing: Thing, values: dict[str, str], key: str, rng: Random) -> tuple[str, str]:
    """(kind, sentence) of a false or unstated claim."""
    kind = thing.fields[key][0]
    way = rng.choice(("value", "value", "swap", "negate", "extra", "missing"))
    same = [k for k, (named, _) in thing.fields.items() if named == kind and k != key]
    if way == "swap" and same:
        return "swapped", sentence(thing, key, values[rng.choice(same)], rng)
    if way == "extra" and thing.extras:
        return "added_detail", rng.choice(thing.extras)
    if way == "negate":
        said = sentence(thing, key, values[key], rng)
        for positive, negative in ((" is ", " is not "), (" was ", " was not ")):
            if positive in said:
                return "negated", said.replace(positive, negative, 1)
    return "changed_value", sentence(thing, key, other(kind, values[key], rng), rng)


def answers(things: tuple[Thing, ...], rng: Random, each: int) -> Iterator[Record]:
    """Whole answers and pairs, healthy and failing alike, `each` of a thing."""
    for thing in things:
        for _ in range(each):
            values = thing.make(rng)
            # A claim on a field that the result lacks is unsupported, however plausible.
            hidden = rng.choice(sorted(values)) if rng.random() < 0.25 else ""
            shown = {k: v for k, v in values.items() if k != hidden}
            text = result(thing, shown, rng)
            keys = rng.sample(sorted(shown), rng.randint(2, min(4, len(shown))))
            good = [sentence(thing, key, values[key], rng) for key in keys]
            if hidden:
                kind, bad = "missing_field", sentence(thing, hidden, values[hidden], rng)
            else:
                kind, bad = wrong(thing, values, keys[-1], rng)
            asked = rng.choice(QUESTIONS).format(t=thing.name.replace("_", " "))
            opening = rng.choice(OPENINGS)
            steps: list[dict[str, Any]] = [
                {"kind": "tool", "name": f"get_{thing.name}", "input": "{}", "output": text}
            ]
            for label, said in ((0.0, good), (1.0, [*good[:-1], bad])):
                order = list(said)
                rng.shuffle(order)
                yield Record(
                    "hallucination",
                    label,
                    "tool_result/" + (kind if label else "supported"),
                    input=asked,
                    output=opening.format(a=" ".join(order)),
                    steps=steps,
                )
            for label, one in ((0.0, good[-1]), (1.0, bad)):
                yield Record(
                    "hallucination",
                    label,
                    f"tool_result/{kind if label else 'supported'}/pair",
                    output=one,
                    context=[text],
                )
