"""Traces that nobody's agent recorded: what somebody sends who wants a replay to do something."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.everyspan_up import ROOT, Up
from tests.ingest.otlp_payloads import key_value, request, span, trace_id

#: The agent of the folder in which the traces are replayed.
AGENT = """
import os
import subprocess
from dataclasses import dataclass

import everyspan

everyspan.init(service="shop", instrument=False)


def helper(command):
    os.system(command)


@dataclass
class Order:
    number: str


@dataclass
class Danger:
    command: str

    def __post_init__(self):
        os.system(self.command)


@everyspan.step(kind="tool")
def look(number):
    return "real"


@everyspan.step(kind="tool")
def save(path, text):
    open(path, "w").write(text)


@everyspan.step
def shell(command):
    os.system(command)


@everyspan.step(kind="agent", unsafe=True)
def deploy(command):
    os.system(command)


class Bot:
    @everyspan.step(kind="agent")
    def run(self, command):
        os.system(command)


@everyspan.step(kind="agent")
def agent(question):
    return last(look(question))


@everyspan.step(kind="chain")
def last(value):
    return f"last of {type(value).__name__}"


@everyspan.entry
def answer(question):
    return f"answered {question}"
"""
#: Importing it leaves a mark.
PLANTED = "open({mark!r}, 'w').write('imported')\n\n\ndef run(*given):\n    pass\n"
PYPROJECT = '[tool.everyspan.replay]\nload = ["my_agent"]\n'


@dataclass(frozen=True)
class Watched:
    """A command and what it did."""

    status: int
    out: str
    err: str
    events: list[list[str]]

    def did(self, text: str) -> list[list[str]]:
        """Events with the text in them."""
        return [event for event in self.events if any(text in part for part in event[1:])]

    @property
    def programs(self) -> list[list[str]]:
        return [e for e in self.events if e[0].startswith(("os.", "subprocess.", "pty."))]


def folder_of_agent(folder: Path) -> Path:
    """Makes the folder with the agent, and `planted.py` beside it; returns the mark's path."""
    mark = folder / "mark"
    (folder / "my_agent.py").write_text(AGENT, encoding="utf-8")
    (folder / "planted.py").write_text(PLANTED.format(mark=str(mark)), encoding="utf-8")
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    return mark


def watched(
    commands: Sequence[Sequence[str]], folder: Path, environment: Mapping[str, str]
) -> list[Watched]:
    """The commands, one after the other in a process of its own in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.replay.agents.watched", json.dumps(commands)],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(lines) == len(commands), done.stdout + done.stderr
    return [Watched(*json.loads(line)) for line in lines]


def send(
    up: Up,
    *steps: Mapping[str, Any],
    scope: str = "everyspan",
    **resource: str,
) -> str:
    """Stores a trace of these steps, the first the root of the others; its id.

    A step has `name`, attributes by their names, and `error` for a message of a failure. Names of
    the resource's attributes have _ for a dot.
    """
    trace = trace_id()
    now = time.time_ns() - 10**9
    spans = []
    for number, step in enumerate(steps):
        attributes = {k: v for k, v in step.items() if k not in ("name", "error")}
        fields: dict[str, Any] = {}
        if number:
            fields["parent_span_id"] = spans[0].span_id
        if "error" in step:
            fields["status"] = Status(code=Status.STATUS_CODE_ERROR, message=step["error"])
        spans.append(
            span(
                trace,
                name=step["name"],
                attributes=attributes,
                start_time_unix_nano=now + number * 10**6,
                **fields,
            )
        )
    message = request(*spans)
    (resource_spans,) = message.resource_spans
    resource_spans.scope_spans[0].scope.name = scope
    for name, value in resource.items():
        resource_spans.resource.attributes.append(key_value(name.replace("_", "."), value))
    answer = up.post("/v1/traces", message.SerializeToString())
    assert answer.status == 200, answer.body
    up.until_visible()
    return trace.hex()
