"""A process that was asked to end does, whatever runs in it.

What a service acknowledged is stored before it says so, and what it began is done again after the
next start, so a process may be ended at any moment; it is only politer to let it finish.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import signal
import sys
import threading
from typing import NoReturn

log = logging.getLogger(__name__)

#: From the first SIGTERM or SIGINT to the end of the process. Docker and systemd wait as long.
SECONDS = 9.0


class Deadline:
    """``stage`` is what the process is at, for the log."""

    def __init__(self) -> None:
        self.stage = "starting"
        self._set = False

    def begin(self, number: int) -> None:
        """The signal handler. A second signal ends the process at once."""
        if self._set:
            log.warning("a second signal: ending at once, while %s", self.stage)
            _end(128 + number)
        self._set = True
        threading.Thread(target=self._expire, name="deadline", daemon=True).start()
        # Where nobody gets the interpreter any more, or the engine's own end hangs, the kernel
        # ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, SECONDS + 0.7)

    def _expire(self) -> None:
        threading.Event().wait(SECONDS)
        running = sorted(
            thread.name for thread in threading.enumerate() if thread.name != "deadline"
        )
        log.warning(
            "ending after %g s although still %s; nothing acknowledged is lost. Threads: %s",
            SECONDS,
            self.stage,
            ", ".join(running),
        )
        _end(0)


def leave() -> NoReturn:
    """End the process, all of whose work is done, with status 0. The interpreter's and the engine's
    own ends, for which the deadline may leave no time, are left out."""
    # Temporary folders, and the semaphores of workers.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    _end(0)


def _end(status: int) -> NoReturn:
    # Workers end with their owner, unless something holds their interpreter.
    for child in multiprocessing.active_children():
        child.kill()
    logging.shutdown()
    os._exit(status)
