"""SIGTERM ends a process in time, whatever runs in it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service import deadline

ROOT = Path(__file__).resolve().parents[2]
SERVICE = """
import asyncio, re, socket, threading, time
from service.serve import Site, serve
from pydantic import SecretStr
from service.caller import Gate

def forever():
    while True:
        time.sleep(1)

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    while (await receive())["type"] != "lifespan.shutdown":
        await send({{"type": "lifespan.startup.complete"}})
    await send({{"type": "lifespan.shutdown.complete"}})

async def start():
    {start}

async def stop():
    {stop}

def ready(ports):
    print("ready", flush=True)
    {ready}

app.gate = Gate("one", "", SecretStr(""))
asyncio.run(serve([Site("one", app, "127.0.0.1", 0, "")], start=start, stop=stop, ready=ready))
{after}
"""
NEVER = {
    "a start that goes on": {
        "start": "print('ready', flush=True); await asyncio.to_thread(forever)"
    },
    "a stop that waits": {"stop": "await asyncio.to_thread(forever)"},
    "a thread that nobody ends": {"ready": "threading.Thread(target=forever).start()"},
    "the interpreter held": {"stop": "re.match('(a+)+$', 'a' * 60 + 'b')"},
    "an end of the engine's own that hangs": {"after": "while True: pass"},
}

STAGES = {
    "a start that goes on": "starting",
    "a stop that waits": "finishing work in progress",
    "a thread that nobody ends": "closing",
}


def begin(**parts: str) -> subprocess.Popen[str]:
    """The service up to its ``ready``."""
    text = SERVICE.format(
        **{"start": "pass", "stop": "pass", "ready": "pass", "after": "", **parts}
    )
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_whatever_goes_on_the_process_ends() -> None:
    processes = {name: begin(**parts) for name, parts in NEVER.items()}
    time.sleep(0.5)
    started = time.monotonic()
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    said = {name: process.communicate(timeout=30)[1] for name, process in processes.items()}
    assert time.monotonic() - started < deadline.SECONDS + 10  # on a busy machine
    statuses = {name: process.returncode for name, process in processes.items()}
    assert statuses.pop("the interpreter held") == -signal.SIGALRM
    # On a machine that is very busy the kernel's timer may come first.
    assert set(statuses.values()) <= {0, -signal.SIGALRM}
    for name, stage in STAGES.items():
        if statuses[name] == 0:
            assert f"although still {stage}; nothing acknowledged is lost" in said[name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    process = begin(stop="await asyncio.to_thread(forever)")
    process.send_signal(number)
    time.sleep(0.5)
    started = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert time.monotonic() - started < deadline.SECONDS
    assert process.returncode == 128 + number


def test_an_undisturbed_end_is_quick() -> None:
    process = begin()
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert time.monotonic() - started < deadline.SECONDS
    assert process.returncode == 0
