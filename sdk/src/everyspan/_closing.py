"""Sending what is left, on a thread of its own: a caller, or the exit, waits only so long.

OpenTelemetry's processors wait for the exporter, and the exporter tries again for 10 s. Threads
can't be started at exit any more (Python 3.12), so this one is there from the start.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

logger = logging.getLogger("everyspan")

#: Seconds between two looks at whether to go on waiting.
_LOOK = 0.02


class _Task:
    def __init__(self, run: Callable[[], bool]) -> None:
        self.run = run
        self.result = False
        self.done = threading.Event()


class Closer:
    """Runs flushes and shutdowns one after the other on a daemon thread, which dies with us."""

    def __init__(self) -> None:
        self._start()
        if hasattr(os, "register_at_fork"):  # a fork has no threads but its own
            os.register_at_fork(after_in_child=self._start)

    def _start(self) -> None:
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        threading.Thread(
            target=self._work, args=(self._tasks,), name="everyspan-closer", daemon=True
        ).start()

    @staticmethod
    def _work(tasks: SimpleQueue[_Task]) -> None:
        while True:
            task = tasks.get()
            try:
                task.result = task.run()
            except Exception:  # telemetry must never break the application
                logger.debug("everyspan: could not send what was left", exc_info=True)
            task.done.set()

    def run(self, run: Callable[[], bool], go_on: Callable[[], bool]) -> bool:
        """What `run` returned; False once `go_on()` says to wait no more."""
        task = _Task(run)
        self._tasks.put(task)
        while not task.done.wait(_LOOK):
            if not go_on():
                return False
        return task.result


def for_milliseconds(milliseconds: float) -> Callable[[], bool]:
    """A `go_on` that ends after so long."""
    end = time.monotonic() + milliseconds / 1000
    return lambda: time.monotonic() < end
