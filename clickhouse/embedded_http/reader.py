"""The process that answers readers: it may be starved, stuck, out of memory or killed.

``python -m clickhouse.embedded_http.reader``, as ``process`` starts it: a line of JSON (`Orders`)
on standard input, which then stays open as long as the owner lives; a line of JSON a second on
standard output says how it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import uvicorn

from clickhouse.embedded_http import sandbox
from clickhouse.embedded_http.walls import Wall

if TYPE_CHECKING:
    from clickhouse.embedded_http.app import App

# Whoever writes comes first where the processor is short.
_NICE = 5
# A reader has nothing to write but the metadata of its tables.
_LARGEST_FILE_BYTES = 64 << 20
_TELL_SECONDS = 1.0
# With nothing told for so long the process ends, even where the engine keeps the interpreter's lock
# and the owner is gone.
_STUCK_SECONDS = 60
_LONGEST_START_SECONDS = 900
# Statements get so long once the owner ends.
_STOP_SECONDS = 1.0
# Answers that are being sent get so long once the process is to end.
_GRACE_SECONDS = 6


@dataclass(slots=True, frozen=True)
class Orders:
    """``engine``: what chDB knows the writer's by. ``directory``: does not exist yet, and is the
    reader's own. ``walls``: who sees what. ``listener``: file descriptor. ``app``: options of
    ``create_app``."""

    engine: str
    directory: str
    schema: list[str]
    walls: list[Wall]
    memory_bytes: int
    listener: int
    app: dict[str, Any]

    @property
    def store(self) -> str:
        """The writer's directory."""
        return self.engine.partition("?")[0]

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The owner decides when this process ends.
        yield


def main() -> None:
    orders = Orders(**json.loads(sys.stdin.buffer.readline()))
    # What the engine prints must not get between the lines for the owner.
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _yield_to_others()
    _end_when_stuck(_LONGEST_START_SECONDS)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    directory = Path(orders.directory)
    directory.mkdir(parents=True)
    store = os.path.realpath(orders.store)
    os.environ["TMPDIR"] = str(directory)
    # chDB starts threads when it is imported, and they keep the rights that they start with.
    sandbox.enter(readable=[store], writable=[str(directory)])
    threading.Thread(target=_end_with_owner, daemon=True).start()
    from clickhouse.embedded_http.app import create_app
    from clickhouse.embedded_http.mirror import attach, mirror

    engine = mirror(store, directory, orders.memory_bytes, orders.walls)
    _anchor = attach(engine, orders.schema)
    app = create_app(engine, hidden=_hidden(store, str(directory)), **orders.app)
    asyncio.run(_serve(app, socket.socket(fileno=orders.listener), told))
    # The engine would wait for what still runs.
    os._exit(0)


async def _serve(app: App, listener: socket.socket, told: TextIO) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
            ws="none",
        )
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    telling = asyncio.create_task(_tell(app, server, told))
    leaving = asyncio.create_task(_leave(app, server, ended))
    await server.serve([listener])
    telling.cancel()
    leaving.cancel()


async def _leave(app: App, server: _Server, ended: asyncio.Event) -> None:
    """Take no more connections once a place is lost or the owner says so."""
    lost = asyncio.create_task(app.execution.lost.wait())
    asked = asyncio.create_task(ended.wait())
    await asyncio.wait({lost, asked}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    if ended.is_set():
        app.execution.leave(_STOP_SECONDS)


async def _tell(app: App, server: _Server, told: TextIO) -> None:
    execution = app.execution
    lost = asyncio.create_task(execution.lost.wait())
    while True:
        state = {
            "ready": server.started,
            "leaving": execution.lost.is_set(),
            "running": execution.places.held,
            "waiting": execution.places.waiting,
            "counts": dict(execution.counts),
            "used_keys": app.keys.take_used() if app.keys is not None else [],
        }
        told.write(json.dumps(state) + "\n")
        _end_when_stuck(_STUCK_SECONDS)
        # The owner should know of a lost place at once.
        waited = set() if lost.done() else {lost}
        seconds = _TELL_SECONDS if server.started else 0.02
        if waited:
            await asyncio.wait(waited, timeout=seconds)
        else:
            await asyncio.sleep(seconds)


def _hidden(*directories: str) -> list[str]:
    """What errors must not tell: where things lie, and the machine's name."""
    host = socket.gethostname()
    names = {host, host.partition(".")[0], os.uname().release}
    places = {os.path.realpath(d) for d in directories} | {os.getcwd(), str(Path.home())}
    return sorted((places | names) - {"/", "", "localhost"})


def _yield_to_others() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE_BYTES, _LARGEST_FILE_BYTES))
    # Of the processes of this house, the kernel should end this one first.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")


def _end_when_stuck(seconds: int) -> None:
    """So long from now, unless it is called again. No handler: the kernel ends the process."""
    signal.alarm(seconds)


def _end_with_owner() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
