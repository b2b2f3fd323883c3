"""BFCL without its live parts: requests, tools and right calls; wrong ones by one change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from training.mirror import Snapshot
from training.record import Record

FOLDER = "berkeley-function-call-leaderboard/bfcl_eval/data/"
SETS = (
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "simple_java",
    "simple_javascript",
)
WORDS = ("Lisbon", "quarterly", "blue", "Jordan Lee", "2021-04-17", "kilograms", "beta", "north")


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("bfcl")
    for name in SETS:
        path = f"BFCL_v4_{name}.json"
        truth = {
            row["id"]: row["ground_truth"]
            for row in snapshot.jsonl(f"{FOLDER}possible_answer/{path}")
        }
        rows = list(snapshot.jsonl(FOLDER + path))
        for row in rows:
            asked = "\n".join(m["content"] for turn in row["question"] for m in turn)
            tools = row["function"]
            other = rng.choice(rows)["function"]
            for number, call in enumerate(truth.get(row["id"], [])[:3]):
                ((function, allowed),) = call.items()
                right = {k: first(v) for k, v in allowed.items() if "" not in v}
                yield made(asked, tools, function, right, 0.0, f"right/{name}")
                offered = tools if len(tools) > 1 else [*tools, other[0]]
                for way in rng.sample(("value", "function", "missing", "swapped", "extra"), 2):
                    spoiled = spoil(way, function, right, allowed, offered, asked, rng)
                    if spoiled is not None:
                        yield made(asked, offered, *spoiled, 1.0, f"wrong/{way}")
                if number == 0 and len(tools) == 1:
                    # More tools on offer do not make a right call wrong.
                    yield made(asked, offered, function, right, 0.0, f"right/{name}_of_two")
    for row in snapshot.jsonl(f"{FOLDER}BFCL_v4_irrelevance.json"):
        asked = "\n".join(m["content"] for turn in row["question"] for m in turn)
        tool = rng.choice(row["function"])
        properties = tool["parameters"]["properties"]
        required = tool["parameters"].get("required", [])
        guessed = {key: guess(properties.get(key, {}), rng) for key in required}
        yield made(asked, row["function"], tool["name"], guessed, 1.0, "wrong/no_tool_fits")


def first(values: Any) -> Any:
    """The first allowed value; nested objects allow per field."""
    value = values[0] if isinstance(values, list) and values else values
    if isinstance(value, dict):
        return {k: first(v) for k, v in value.items() if "" not in v}
    return value


def guess(schema: dict[str, Any], rng: Random) -> Any:
    """A value of the schema's type."""
    kind = schema.get("type")
    if kind in {"integer", "float", "number"}:
        return rng.choice((1, 5, 10, 42, 100))
    if kind == "boolean":
        return rng.random() < 0.5
    if kind in {"array", "tuple"}:
        return [rng.choice(WORDS)]
    return rng.choice(schema.get("enum") or WORDS)


def spoil(
    way: str,
    function: str,
    right: dict[str, Any],
    allowed: dict[str, Any],
    tools: list[dict[str, Any]],
    asked: str,
    rng: Random,
) -> tuple[str, dict[str, Any]] | None:
    """(function, arguments) with one fault, or None where the fault does not apply."""
    wrong = dict(right)
    by_name = {tool["name"]: tool for tool in tools}
    if way == "function":
        others = [name for name in by_name if name != function]
        if not others:
            return None
        name = rng.choice(others)
        properties = by_name[name]["parameters"]["properties"]
        return name, {k: wrong.get(k, guess(v, rng)) for k, v in list(properties.items())[:3]}
    if way == "missing" and len(wrong) > 1:
        wrong.pop(rng.choice(sorted(wrong)))
        return function, wrong
    numbers = [k for k, v in wrong.items() if isinstance(v, int | float) and v is not True and v]
    texts = [k for k, v in wrong.items() if isinstance(v, str) and v]
    if way == "swapped":
        for keys in (numbers, texts):
            if len(keys) > 1:
                one, two = rng.sample(keys, 2)
                if wrong[one] not in allowed[two]:
                    wrong[one], wrong[two] = wrong[two], wrong[one]
                    return function, wrong
        return None
    if way == "value" and (numbers or texts):
        key = rng.choice(numbers + texts)
        if key in numbers:
            wrong[key] = wrong[key] * rng.choice((2, 10)) + rng.choice((0, 1, 3))
        else:
            wrong[key] = rng.choice([w for w in WORDS if w.lower() not in asked.lower()])
        return (function, wrong) if wrong[key] not in allowed[key] else None
    if way == "extra":
        properties = by_name[function]["parameters"]["properties"]
        unasked = [k for k in allowed if k in properties and k not in right]
        if unasked:
            key = rng.choice(unasked)
            value = guess(properties[key], rng)
            if value not in allowed[key]:
                wrong[key] = value
                return function, wrong
    return None


def made(
    asked: str,
    tools: list[dict[str, Any]],
    name: str,
    arguments: dict[str, Any],
    label: float,
    kind: str,
) -> Record:
    """One call as a record; tools as short JSON."""
    shown = [
        json.dumps(
            {
                "name": tool["name"],
                "description": tool["description"],
                "parameters": {
                    key: str(value.get("description", ""))[:90]
                    for key, value in tool["parameters"]["properties"].items()
                },
                "required": tool["parameters"].get("required", []),
            },
            ensure_ascii=False,
        )
        for tool in tools
    ]
    said = json.dumps(arguments, ensure_ascii=False)
    step = {"kind": "tool", "name": name, "input": said, "output": ""}
    return Record("tool_call_error", label, kind, input=asked, steps=[step], context=shown)
