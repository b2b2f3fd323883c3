"""Seal-Tools: requests, tools on offer and right calls; wrong ones by one change (2405.08355)."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from training.mirror import Snapshot
from training.readers.bfcl import made, spoil
from training.record import Record

_TYPES = {"int": "integer", "float": "number", "bool": "boolean"}


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("seal_tools")
    for path in snapshot.chosen:
        for row in snapshot.json(path):
            said, answer = (turn["value"] for turn in row["conversations"][:2])
            try:
                listed, asked = said.split("api_list = ", 1)[1].split("\ntask_instruction = ", 1)
                offered = [_tool(each) for each in ast.literal_eval(listed.strip())]
                calls = ast.literal_eval(answer.strip().split("\n")[-1])
            except (ValueError, SyntaxError, IndexError):
                continue
            names = {tool["name"] for tool in offered}
            for call in calls[:2]:
                right = {k: v for k, v in call["parameters"].items() if "API_call" not in str(v)}
                if call["api"] not in names or not right:
                    continue
                few = [t for t in offered if t["name"] == call["api"]]
                few += [t for t in offered if t["name"] != call["api"]][:2]
                rng.shuffle(few)
                asked_for = asked.strip().strip("\"'")
                yield made(asked_for, few, call["api"], right, 0.0, "right/seal")
                allowed = {key: [value] for key, value in right.items()}
                for way in rng.sample(("value", "function", "missing", "swapped"), 2):
                    spoiled = spoil(way, call["api"], right, allowed, few, asked_for, rng)
                    if spoiled is not None:
                        yield made(asked_for, few, *spoiled, 1.0, f"wrong/{way}")


def _tool(api: dict[str, Any]) -> dict[str, Any]:
    properties = {
        name: {**schema, "type": _TYPES.get(schema.get("type", ""), "string")}
        for name, schema in api["parameters"].items()
    }
    json.dumps(properties)
    return {
        "name": api["api_name"],
        "description": api["api_description"],
        "parameters": {"properties": properties, "required": api.get("required", [])},
    }
