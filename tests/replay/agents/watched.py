"""Runs commands of `everyspan` and prints what each did: programs, files, modules, connections.

    python -m tests.replay.agents.watched '[["replay", "4bf92f…"], …]'

prints one JSON line a command: status, stdout, stderr, and the events of Python's audit hooks.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

WATCHED = (
    "import open socket.connect os.system subprocess.Popen os.exec os.fork os.forkpty"
    " os.posix_spawn os.spawn pty.spawn ctypes.dlopen urllib.Request"
).split()
seen: list[list[str]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in WATCHED:
        seen.append([event, *(repr(one) for one in arguments[:2])])


sys.addaudithook(_watch)

from everyspan.__main__ import main  # noqa: E402 - what it imports is watched too

for command in json.loads(sys.argv[1]):
    seen.clear()
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(command)
    print(json.dumps([status, out.getvalue(), err.getvalue(), list(seen)]), flush=True)
