"""Reflexion: HotpotQA runs of a searching agent, right, wrong, or halted without an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from training.mirror import Snapshot
from training.record import UNDECIDED, Record

SECTION = re.compile(r"-+ BEGIN (CORRECT|INCORRECT|HALTED) AGENTS -+")
STEP = re.compile(r"Action \d+: (\w+)\[(.*?)\]\s*\nObservation \d+: (.*)")
GAVE_UP = re.compile(
    r"^\W*(?:unknown|unable|none|no answer|cannot|not (?:found|available|enough)|n/?a|insufficient)",
    re.I,
)


def read(snapshot: Snapshot) -> Iterator[Record]:
    for path in snapshot.glob("hotpotqa_runs/root/ReAct/*/100_questions*.txt"):
        parts = SECTION.split(snapshot.text(path))
        for verdict, body in zip(parts[1::2], parts[2::2], strict=True):
            for block in re.split(r"\n(?=Question: )", body):
                found = re.match(r"\s*Question: (.*)", block)
                steps = STEP.findall(block)
                if not found or not steps:
                    continue
                asked = found[1].partition("You have attempted")[0].strip()
                finish = steps[-1][1] if steps[-1][0] == "Finish" else ""
                done: list[dict[str, Any]] = [
                    {"kind": "tool", "name": name, "input": text, "output": seen[:300]}
                    for name, text, seen in steps
                    if name != "Finish"
                ]
                if verdict == "CORRECT" and finish:
                    label, kind = 0.0, "done/right_answer"
                elif verdict == "HALTED" or not finish:
                    label, kind = 1.0, "undone/ran_out_of_steps"
                elif GAVE_UP.match(finish):
                    label, kind = 1.0, "undone/gave_up"
                else:
                    # Nothing in the trace tells a wrong answer from a right one.
                    label, kind = UNDECIDED, "unclear/wrong_answer"
                yield Record(
                    "goal_completion", label, kind, input=asked, output=finish, steps=done[-5:]
                )
