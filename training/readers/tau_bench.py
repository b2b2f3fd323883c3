"""tau-bench: airline conversations of a model with tools, rewarded by the state they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from training.mirror import Snapshot
from training.record import Message, Record

FILE = "historical_trajectories/gpt-4o-airline.json"


def read(snapshot: Snapshot) -> Iterator[Record]:
    for run in snapshot.json(FILE):
        turns = [turn for turn in run["traj"] if turn["role"] != "system"]
        last = max(
            (n for n, t in enumerate(turns) if t["role"] == "assistant" and t.get("content")),
            default=None,
        )
        if last is None:
            continue
        kind = "done/rewarded" if run["reward"] else "undone/not_rewarded"
        yield trace(turns[: last + 1], 1.0 - run["reward"], kind)
        users = [m for m in chat(turns) if "###" not in m["content"]]
        yield Record("user_frustration", 0.0, "calm/agent", input=users[-6:])
        calls = [n for n, t in enumerate(turns) if t.get("tool_calls")]
        if run["reward"] and len(calls) > 2:
            early = [
                n
                for n, t in enumerate(turns)
                if t["role"] == "assistant" and t.get("content") and n < calls[-1]
            ]
            if early:
                yield trace(turns[: early[-1] + 1], 1.0, "undone/stops_early")
    for number, row in enumerate(
        one for path in snapshot.glob("few_shot_data/*.jsonl") for one in snapshot.jsonl(path)
    ):
        said = re.split(r"\n(?=(?:user|assistant|tool): )", row["messages_display"])
        shown = [
            {"role": part.partition(": ")[0], "content": part.partition(": ")[2]} for part in said
        ]
        spoken = [m for m in shown if m["content"] != "None"]
        ends = [n for n, m in enumerate(spoken) if m["role"] == "assistant"]
        if len(ends) < 3:
            continue
        for at, label, kind in ((ends[-1], 0.0, "done/example"), (ends[0], 1.0, "undone/cut")):
            if number % 2 and label:
                at = ends[1]
            steps = [
                {"kind": "tool", "name": "tool", "input": "", "output": m["content"][:400]}
                for m in spoken[:at]
                if m["role"] == "tool"
            ]
            yield Record(
                "goal_completion",
                label,
                kind,
                input=[m for m in spoken[:at] if m["role"] in {"user", "assistant"}],
                output=spoken[at]["content"],
                steps=steps[-4:],
            )


def chat(turns: list[dict[str, Any]]) -> list[Message]:
    """The spoken turns as messages."""
    return [
        {"role": t["role"], "content": t["content"]}
        for t in turns
        if t["role"] in {"user", "assistant"} and t.get("content")
    ]


def trace(turns: list[dict[str, Any]], label: float, kind: str) -> Record:
    """The conversation before the last turn, its last calls, and the last turn as output."""
    outputs = {t["tool_call_id"]: t["content"] for t in turns if t["role"] == "tool"}
    steps = [
        {
            "kind": "tool",
            "name": call["function"]["name"],
            "input": call["function"]["arguments"],
            "output": str(outputs.get(call["id"], ""))[:600],
        }
        for turn in turns
        for call in turn.get("tool_calls") or ()
    ]
    said = str(turns[-1]["content"])
    return Record(
        "goal_completion", label, kind, input=chat(turns[:-1]), output=said, steps=steps[-6:]
    )
