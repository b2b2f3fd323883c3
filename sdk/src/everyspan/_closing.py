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
    def __init__(self, run: Callable[[], object]) -> None:
        self.run = run
        self.ok = False
        self.done = threading.Event()


class Closer:
    """Runs flushes and shutdowns one after the other on a daemon thread, which dies with us.

    `worth_waiting` is asked at exit, again and again, whether to wait on; `gave_up` is told when
    it was not.
    """

    def __init__(self, worth_waiting: Callable[[], bool], gave_up: Callable[[], None]) -> None:
        self._worth_waiting = worth_waiting
        self._gave_up = gave_up
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
                task.ok = task.run() is not False
            except Exception:  # telemetry must never break the application
                logger.debug("everyspan: could not send what was left", exc_info=True)
            task.done.set()

    def within(self, milliseconds: float, run: Callable[[], object]) -> bool:
        """True when `run` did its work, and in time."""
        end = time.monotonic() + milliseconds / 1000
        return self._wait(run, lambda: time.monotonic() < end)

    def at_exit(self, run: Callable[[], object]) -> bool:
        """The same, as long as it is worth waiting."""
        return self._wait(run, self._go_on)

    def _go_on(self) -> bool:
        if self._worth_waiting():
            return True
        self._gave_up()
        return False

    def _wait(self, run: Callable[[], object], go_on: Callable[[], bool]) -> bool:
        task = _Task(run)
        self._tasks.put(task)
        while not task.done.wait(_LOOK):
            if not go_on():
                return False
        return task.ok
