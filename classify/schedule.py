"""Work that is done again and again, by a clock that never jumps.

Schedulers that remember the time of day of the next run stand still for as long as somebody sets
the clock back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Schedule:
    """A thread for each piece of work, so that none waits for another."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def every(self, seconds: float, work: Callable[[], None], *, at_once: bool = False) -> None:
        """Do it ``seconds`` after it was last done, the first time then too unless ``at_once``."""

        def run() -> None:
            if at_once:
                _guarded(work)
            while not self._stopping.wait(seconds):
                _guarded(work)

        name = getattr(work, "__name__", "classify").strip("_")
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Wait for what is being done; nothing is begun any more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        logger.exception("trying again at the next turn")
