"""tau2-bench: simulated service conversations of several models with tools, rewarded by the state
that they leave; each tool's result is marked where it was an error (2506.07982)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from training.mirror import Snapshot
from training.record import Message, Record

#: Calls before the last one that a record keeps.
_STEPS = 12


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.chosen:
        for run in snapshot.json(path).get("simulations") or ():
            yield from records(run)


def records(run: dict[str, Any]) -> Iterator[Record]:
    """The whole conversation for goal_completion; each result for tool_result."""
    turns = run["messages"]
    reward = (run.get("reward_info") or {}).get("reward")
    results = {turn["id"]: turn for turn in turns if turn["role"] == "tool"}
    steps: list[dict[str, str]] = []
    said: list[Message] = []
    for turn in turns:
        for call in turn.get("tool_calls") or ():
            result = results.get(call["id"])
            if turn["role"] != "assistant" or result is None:
                continue
            step = {
                "kind": "tool",
                "name": call["name"],
                "input": json.dumps(call["arguments"]),
                "output": result.get("content") or "",
            }
            failed = result.get("error")
            if failed is None:
                failed = step["output"].startswith("Error")
            kind = "failed/marked" if failed else "went_well/marked"
            # What was said before comes along: arguments are held against it.
            before = [*said[-8:], {"role": "user", "content": ""}]
            context = [each["output"] for each in steps]
            yield Record(
                "tool_result", float(failed), kind, input=before, context=context, steps=[step]
            )
            steps.append(step)
        if turn["role"] in ("user", "assistant") and turn.get("content"):
            said.append({"role": turn["role"], "content": turn["content"]})
    while said and said[-1]["role"] != "assistant":
        said.pop()
    if reward is not None and len(said) > 1:
        kind = "done/rewarded" if reward >= 1 else "undone/not_rewarded"
        yield Record(
            "goal_completion",
            float(reward < 1),
            kind,
            input=said[:-1],
            output=said[-1]["content"],
            steps=steps[-_STEPS:],
        )
