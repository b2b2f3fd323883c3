"""Taskmaster-3 and -4: the next call a model proposed in a conversation, and its reward."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from training.mirror import Snapshot
from training.record import Message, Record


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.glob("TM-3-2020/reward/*.json", "TM-4-2024/reward/*.json"):
        rows = snapshot.json(path)
        made = [json.loads(row["generation"]) for row in rows]
        tools = sorted({name for one in made for name in one.get("api", {})})
        for row, one in zip(rows, made, strict=True):
            history = [said(turn) for turn in json.loads(row["context"])][-8:]
            if path.startswith("TM-4") and one.get("text"):
                spoken = [said(t) for t in json.loads(row["context"]) if "text" in t]
                yield Record("user_frustration", 0.0, "calm/order", input=spoken[-6:])
            for name, arguments in one.get("api", {}).items():
                step = {
                    "kind": "tool",
                    "name": name,
                    "input": json.dumps(arguments),
                    "output": "",
                }
                yield Record(
                    "tool_call_error",
                    1.0 - row["reward"],
                    "right/model" if row["reward"] else "wrong/model",
                    input=history,
                    steps=[step],
                    context=[json.dumps({"name": tool}) for tool in tools],
                )


def said(turn: dict[str, Any]) -> Message:
    """A turn as a message; calls and results as JSON text."""
    if "text" in turn:
        role = "user" if turn["role"] == "user" else "assistant"
        return {"role": role, "content": turn["text"]}
    if "api" in turn:
        return {"role": "assistant", "content": json.dumps(turn["api"])}
    return {"role": "tool", "content": json.dumps(turn.get("response", ""))[:600]}
