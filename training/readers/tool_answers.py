"""Answers of agents that rest on the results of their tools: tau-bench's rewarded runs, and the
bookings of the schema-guided dialogues, whose system says what the services gave it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from training.mirror import Snapshot
from training.record import Record

#: Steps before an answer that are told.
_MOST = 8


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        held = snapshot.json(path)
        yield from _runs(held) if "traj" in held[0] else _dialogues(held)


def _runs(runs: list[dict[str, Any]]) -> Iterator[Record]:
    for run in runs:
        if not run["reward"]:
            continue
        said: list[dict[str, Any]] = []
        steps: list[dict[str, Any]] = []
        calls: dict[str, dict[str, Any]] = {}
        for turn in run["traj"]:
            if turn["role"] == "tool":
                call = calls.get(turn["tool_call_id"], {})
                function = call.get("function", {})
                steps.append(
                    {
                        "kind": "tool",
                        "name": function.get("name", "tool"),
                        "input": function.get("arguments", ""),
                        "output": str(turn["content"]),
                    }
                )
                continue
            calls |= {call["id"]: call for call in turn.get("tool_calls") or ()}
            text = turn.get("content")
            if not text:
                continue
            if turn["role"] == "assistant" and steps:
                yield Record(
                    "hallucination", 0.0, "agent/airline",
                    input=list(said), output=text, steps=list(steps),
                )  # fmt: skip
            said.append({"role": turn["role"], "content": text})


def _dialogues(dialogues: list[dict[str, Any]]) -> Iterator[Record]:
    for dialogue in dialogues[:40]:
        said: list[dict[str, Any]] = []
        steps: list[dict[str, Any]] = []
        for turn in dialogue["turns"]:
            user = turn["speaker"] == "USER"
            if not user:
                for frame in turn["frames"]:
                    if "service_call" in frame:
                        call = frame["service_call"]
                        steps.append(
                            {
                                "kind": "tool",
                                "name": call["method"],
                                "input": json.dumps(call["parameters"]),
                                "output": json.dumps(frame.get("service_results", [])),
                            }
                        )
                if steps:
                    yield Record(
                        "hallucination", 0.0, "agent/booking",
                        input=list(said), output=turn["utterance"], steps=steps[-_MOST:],
                    )  # fmt: skip
            said.append({"role": "user" if user else "assistant", "content": turn["utterance"]})
