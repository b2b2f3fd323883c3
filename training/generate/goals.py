"""Agent traces with a request, tool steps and a final answer that does the job or does not.

One grammar; each family brings its own tasks and phrases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from training.generate.values import value
from training.record import Record


@dataclass(frozen=True)
class Task:
    """A job: `{a}` and `{b}` are its two details, of the kinds `a` and `b`."""

    asks: tuple[str, ...]
    tool: str
    done: tuple[str, ...]
    noun: str
    a: str
    b: str


@dataclass(frozen=True)
class Phrases:
    """How answers that did not do the job sound; `{n}` is the task's noun."""

    wrap: tuple[str, ...]
    partial: tuple[str, ...]
    gave_up: tuple[str, ...]
    refused: tuple[str, ...]
    needless: tuple[str, ...]
    after_error: tuple[str, ...]
    promised: tuple[str, ...]
    hedged: tuple[str, ...]
    errors: tuple[str, ...]


def traces(tasks: tuple[Task, ...], said: Phrases, rng: Random, each: int) -> Iterator[Record]:
    """`each` done and undone traces of a task, on the same request."""
    undone = ("partial", "gave_up", "refused", "needless", "after_error", "promised", "hedged",
              "something_else", "cut_off", "claims_without_doing")  # fmt: skip
    for task in tasks:
        for _ in range(each):
            a, b = value(task.a, rng), value(task.b, rng)
            ask = rng.choice(task.asks).format(a=a, b=b)
            two = rng.random() < 0.4
            second = rng.choice([t for t in tasks if t is not task])
            c, d = value(second.a, rng), value(second.b, rng)
            if two:
                also = rng.choice(second.asks).format(a=c, b=d)
                ask += rng.choice((" Also: ", " And then, ", " Second thing: ")) + also
            good = [step(task, a, b)] + ([step(second, c, d)] if two else [])
            answer = rng.choice(task.done).format(a=a, b=b)
            if two:
                answer += " " + rng.choice(second.done).format(a=c, b=d)
            wrap = rng.choice(said.wrap)
            kind = "done/after_a_retry" if rng.random() < 0.2 else "done"
            if kind == "done/after_a_retry":
                # A failed step that was made good is no failure.
                good.insert(0, step(task, a, b, rng.choice(said.errors)))
            yield trace(ask, good, wrap.format(x=answer), 0.0, kind)

            way = rng.choice(undone)
            first = rng.choice(task.done).format(a=a, b=b)
            steps = [] if way in {"refused", "needless", "promised", "hedged"} else good
            if way == "partial":
                if two:
                    steps, words = good[:-1], first
                else:
                    words = rng.choice(said.partial)
            elif way == "after_error":
                steps = [step(task, a, b, rng.choice(said.errors))]
                words = rng.choice(said.after_error)
            elif way == "gave_up":
                steps = [step(task, a, b, rng.choice(said.errors))] * rng.randint(1, 2)
                words = rng.choice(said.gave_up)
            elif way == "something_else":
                steps = [step(second, c, d)]
                words = rng.choice(second.done).format(a=c, b=d)
                if two:
                    words = rng.choice(said.gave_up)
            elif way == "cut_off":
                words = first[: rng.randint(0, max(1, len(first) // 3))]
                steps = good[:1]
            elif way == "claims_without_doing":
                steps = [step(task, a, b, rng.choice(said.errors))]
                words = first
            else:
                words = rng.choice(getattr(said, way))
            words = words.format(n=task.noun, a=a, b=b)
            yield trace(ask, steps, words, 1.0, f"undone/{way}")


def step(task: Task, a: str, b: str, error: str = "") -> dict[str, Any]:
    """The task's tool call, done or failed."""
    output = json.dumps({"error": error} if error else {"status": "ok", "detail": [a, b]})
    return {
        "kind": "tool",
        "name": task.tool,
        "input": json.dumps({"first": a, "second": b}),
        "output": output,
    }


def trace(ask: str, steps: list[dict[str, Any]], answer: str, label: float, kind: str) -> Record:
    """One trace as a record."""
    return Record("goal_completion", label, kind, input=ask, output=answer, steps=list(steps))
