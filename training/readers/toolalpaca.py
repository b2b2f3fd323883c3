"""ToolAlpaca's evaluation sets: requests to small APIs with the right calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random

from training.mirror import Snapshot
from training.record import Record

FUNCTION = re.compile(r"\d+\. Name: (\S+)\s*\n\s*Description: (.*)")


def read(snapshot: Snapshot) -> Iterator[Record]:
    rng = Random("toolalpaca")
    for path in ("data/eval_simulated.json", "data/eval_real.json"):
        for api in snapshot.json(path):
            described = api.get("Function_Description") or {}
            tools = dict(FUNCTION.findall(api.get("Functions", ""))) or {
                name: str(said)[:200] for name, said in described.items() if name != "components"
            }
            context = [json.dumps({"name": n, "description": d}) for n, d in tools.items()]
            answers = api.get("Golden_Answers", [])
            for asked, golden in zip(api["Instructions"], answers, strict=False):
                if not golden or golden[0]["Action"] not in tools:
                    continue
                call = golden[0]
                yield made(asked, context, call["Action"], call["Action_Input"], 0.0, "right/api")
                used = {one["Action"] for one in golden}
                others = sorted(set(tools) - used)
                if others:
                    name = rng.choice(others)
                    yield made(asked, context, name, call["Action_Input"], 1.0, "wrong/function")
                foreign = rng.choice([a for a in answers if a and a != golden] or [golden])[0]
                if foreign["Action_Input"] != call["Action_Input"] != "{}":
                    text = foreign["Action_Input"]
                    yield made(asked, context, call["Action"], text, 1.0, "wrong/value")


def made(
    asked: str, context: list[str], name: str, arguments: str, label: float, kind: str
) -> Record:
    """One call as a record."""
    step = {"kind": "tool", "name": name, "input": arguments, "output": ""}
    return Record("tool_call_error", label, kind, input=asked, steps=[step], context=context)
