"""README: short, and its commands run as they stand against a running house."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from tests.everyspan_up import ROOT, Up
from tests.ingest.otlp_payloads import request, span, trace_id

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
LINES = [line.partition("   #")[0].strip() for block in BLOCKS for line in block.splitlines()]
#: In the text and in tables.
QUOTED = re.findall(r"`(everyspan [a-z][^`]+)`", README)
#: Stands for any trace.
TRACE = "4bf92f3577b34da6"


def test_it_can_be_read_at_once() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith(("everyspan", "curl"))])
def test_a_command_runs(up: Up, line: str) -> None:
    trace = trace_id()
    sent = request(span(trace, name="chat", attributes={"gen_ai.operation.name": "chat"}))
    assert up.post("/v1/traces", sent.SerializeToString()).status == 200
    up.until_visible()
    line = line.replace(TRACE, trace.hex()).replace(":8123/", f":{up.ports['clickhouse']}/")
    words = shlex.split(line)
    if words[0] == "everyspan":
        words[:1] = [sys.executable, "-m", "everyspan"]
    ports = {f"EVERYSPAN_{n.replace('-', '_').upper()}_PORT": str(p) for n, p in up.ports.items()}
    done = subprocess.run(
        words, env=os.environ | ports, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("words", sorted({re.match(r"everyspan [a-z]+", q)[0] for q in QUOTED}))  # type: ignore[index]
def test_a_command_that_is_named_is_there(words: str) -> None:
    command = [sys.executable, "-m", "everyspan", *words.split()[1:], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_what_make_is_asked_for_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {line.split()[1] for line in LINES if line.startswith("make ")}
    assert targets
    for target in targets:
        assert f"\n{target}:" in makefile


def test_the_extra_that_is_installed_is_there() -> None:
    sdk = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text(encoding="utf-8"))
    (name,) = re.findall(r"pip install 'everyspan-sdk\[(\w+)\]'", README)
    assert name in sdk["project"]["optional-dependencies"]
