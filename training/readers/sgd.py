"""Schema-Guided Dialogue: bookings and look-ups in 20 domains, with slots and service calls.

One dialogue serves four tasks. Its own turns are the healthy side; the failing side has one thing
changed: a value the user never gave, a question already answered, a wrong call, a cut-off end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

from training.mirror import Snapshot
from training.record import Message, Record

Turn = dict[str, Any]
TRAIN = (2, 8, 14, 20, 26, 32, 39, 45, 51, 64, 88, 96, 102, 109, 115, 123)
FILES = [f"dev/dialogues_{n:03}.json" for n in (1, 7, 13)] + [
    f"train/dialogues_{n:03}.json" for n in TRAIN
]
"""A sixth of the files, of every service: all of them would be far over the cap."""


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("sgd")
    schemas = {
        service["service_name"]: service
        for path in ("train/schema.json", "dev/schema.json")
        for service in snapshot.json(path)
    }
    dialogues = [dialogue for path in FILES for dialogue in snapshot.json(path)]
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for dialogue in dialogues:
        for turn in dialogue["turns"]:
            for frame in turn["frames"]:
                for slot in frame["slots"]:
                    value = turn["utterance"][slot["start"] : slot["exclusive_end"]]
                    values[frame["service"], slot["slot"]].add(value)
                acts = frame["actions"]
                if turn["speaker"] == "SYSTEM" and len(acts) == 1 and acts[0]["act"] == "REQUEST":
                    asked[frame["service"], acts[0]["slot"]].append(turn["utterance"])
    pools = {key: sorted(found) for key, found in values.items()}
    for dialogue in dialogues:
        yield from confirmations(dialogue["turns"], pools, rng)
        yield from repeated_questions(dialogue["turns"], asked, rng)
        yield from calls(dialogue["turns"], schemas, pools, rng)
        yield from endings(dialogue["turns"], rng)
        said = messages(dialogue["turns"])
        cut = rng.randrange(3, len(said) + 1, 2) if len(said) > 3 else len(said)
        failed = any(act(turn, "NOTIFY_FAILURE") for turn in dialogue["turns"][:cut])
        kind = "calm/after_a_failed_booking" if failed else "calm/booking"
        yield Record("user_frustration", 0.0, kind, input=said[max(0, cut - 7) : cut])


def messages(turns: list[Turn]) -> list[Message]:
    """The turns as chat messages."""
    roles = {"USER": "user", "SYSTEM": "assistant"}
    return [{"role": roles[t["speaker"]], "content": t["utterance"]} for t in turns]


def act(turn: Turn, name: str) -> bool:
    """Whether the turn has the dialogue act."""
    return any(a["act"] == name for frame in turn["frames"] for a in frame["actions"])


def memory(history: list[Turn], at: int, said: str, label: float, kind: str) -> Iterator[Record]:
    """The whole record, and the pair with the user's turn number `at`."""
    yield Record("forgetfulness", label, kind, input=messages(history), output=said)
    earlier = f"user: {history[at]['utterance']}"
    yield Record("forgetfulness", label, f"{kind}/pair", context=[earlier], output=said)


def confirmations(
    turns: list[Turn], pools: dict[tuple[str, str], list[str]], rng: Random
) -> Iterator[Record]:
    """The assistant repeats what the user wants: as said, or with one value changed."""
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, turn in enumerate(turns):
        for frame in turn["frames"]:
            service = frame["service"]
            if turn["speaker"] == "USER":
                for slot in frame["slots"]:
                    told[service, slot["slot"]].append(number)
                continue
            if not any(a["act"] == "CONFIRM" for a in frame["actions"]):
                continue
            said = turn["utterance"]
            for slot in frame["slots"]:
                key = (service, slot["slot"])
                value = said[slot["start"] : slot["exclusive_end"]]
                if not told[key] or not value:
                    continue
                at = told[key][-1]
                if value.lower() not in turns[at]["utterance"].lower():
                    continue
                changed = len(told[key]) > 1
                kind = "kept/after_the_user_changed_it" if changed else "kept/confirmed"
                yield from memory(turns[:number], at, said, 0.0, kind)
                heard = " ".join(t["utterance"] for t in turns[:number]).lower()
                others = [v for v in pools[key] if v.lower() not in heard and v != value]
                if others:
                    wrong = rng.choice(others)
                    spoiled = said[: slot["start"]] + wrong + said[slot["exclusive_end"] :]
                    yield from memory(turns[:number], at, spoiled, 1.0, "forgot/other_value")
                break


def repeated_questions(
    turns: list[Turn], asked: dict[tuple[str, str], list[str]], rng: Random
) -> Iterator[Record]:
    """The assistant asks for what it has not been told, or for what it has."""
    told: dict[tuple[str, str], int] = {}
    for number, turn in enumerate(turns):
        for frame in turn["frames"]:
            acts = [a for a in frame["actions"] if a["act"] == "REQUEST"]
            if turn["speaker"] == "USER":
                for slot in frame["slots"]:
                    told[frame["service"], slot["slot"]] = number
                continue
            if len(acts) != 1 or len(frame["actions"]) != 1:
                continue
            known = [k for k in told if k[0] == frame["service"] and asked.get(k)]
            if not known or (frame["service"], acts[0]["slot"]) in told:
                continue
            at = max(told[k] for k in known)
            yield from memory(turns[:number], at, turn["utterance"], 0.0, "kept/asks_something_new")
            key = rng.choice(known)
            again = rng.choice(asked[key])
            yield from memory(turns[:number], told[key], again, 1.0, "forgot/asks_again")


def calls(
    turns: list[Turn],
    schemas: dict[str, dict[str, Any]],
    pools: dict[tuple[str, str], list[str]],
    rng: Random,
) -> Iterator[Record]:
    """Service calls as made, and with another method or an argument that was not asked for."""
    for number, turn in enumerate(turns):
        for frame in turn["frames"]:
            call = frame.get("service_call")
            if not call or number < 1:
                continue
            service = schemas[frame["service"]]
            tools = {
                intent["name"]: json.dumps(
                    {
                        "name": intent["name"],
                        "description": intent["description"],
                        "required": intent["required_slots"],
                        "optional": sorted(intent["optional_slots"]),
                    }
                )
                for intent in service["intents"]
            }
            right = dict(call["parameters"])
            history = messages(turns[max(0, number - 9) : number])
            yield called(history, tools, call["method"], right, 0.0, "right/service")
            wrong = dict(right)
            way = rng.choice(("value", "value", "missing", "method", "swapped"))
            name = call["method"]
            free = [s for s in wrong if pools.get((frame["service"], s))]
            heard = " ".join(t["utterance"] for t in turns[:number]).lower()
            if way == "method" and len(tools) > 1:
                name = rng.choice(sorted(set(tools) - {name}))
            elif way == "missing" and len(wrong) > 1:
                wrong.pop(rng.choice(sorted(wrong)))
            elif way == "swapped" and len(wrong) > 1:
                one, two = rng.sample(sorted(wrong), 2)
                wrong[one], wrong[two] = wrong[two], wrong[one]
            elif free:
                way, slot = "value", rng.choice(free)
                others = [v for v in pools[frame["service"], slot] if v.lower() not in heard]
                if others:
                    wrong[slot] = rng.choice(others)
            if (name, wrong) != (call["method"], right):
                yield called(history, tools, name, wrong, 1.0, f"wrong/{way}")


def called(
    history: list[Message],
    tools: dict[str, str],
    name: str,
    arguments: dict[str, str],
    label: float,
    kind: str,
) -> Record:
    """One tool call against its conversation and the tools at hand."""
    step = {"kind": "tool", "name": name, "input": json.dumps(arguments), "output": ""}
    return Record(
        "tool_call_error", label, kind, input=history, steps=[step], context=list(tools.values())
    )


def endings(turns: list[Turn], rng: Random) -> Iterator[Record]:
    """A dialogue that reached its booking, one whose booking failed, one that stops before."""
    done = [n for n, t in enumerate(turns) if act(t, "NOTIFY_SUCCESS")]
    failed = [n for n, t in enumerate(turns) if act(t, "NOTIFY_FAILURE")]
    if done:
        recovered = "_after_a_failure" if failed and failed[0] < done[-1] else ""
        yield ended(turns, done[-1], 0.0, f"done/booked{recovered}")
        before = [n for n, t in enumerate(turns) if t["speaker"] == "SYSTEM" and n < done[0]]
        if before:
            yield ended(turns, rng.choice(before), 1.0, "undone/stops_before_booking")
    if failed and not done:
        yield ended(turns, failed[-1], 1.0, "undone/booking_failed")


def ended(turns: list[Turn], at: int, label: float, kind: str) -> Record:
    """The trace up to the assistant's turn `at`."""
    steps = [
        {
            "kind": "tool",
            "name": frame["service_call"]["method"],
            "input": json.dumps(frame["service_call"]["parameters"]),
            "output": json.dumps(frame.get("service_results", [])[:1]),
        }
        for turn in turns[: at + 1]
        for frame in turn["frames"]
        if frame.get("service_call")
    ]
    asked = messages(turns[:at])
    said = str(turns[at]["utterance"])
    return Record("goal_completion", label, kind, input=asked, output=said, steps=steps[-4:])
