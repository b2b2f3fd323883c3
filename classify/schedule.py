"""Work that is done again and again, whatever happens to the clock.

The scheduler remembers the time of day of the next run. Set back by an hour, the clock would keep
everything waiting for that hour: so a jump is noticed, and what waits is due from then on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
#: What the clock may drift between two looks: it is kept right all the time, by a little.
_DRIFT_SECONDS = 2.0


class Schedule:
    """Each piece of work runs once at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"max_instances": 1, "coalesce": True}
        )
        # A run that takes longer than the interval is no news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="clock", daemon=True)

    def every(self, seconds: float, work: Callable[[], None], *, at_once: bool = False) -> None:
        """Do it every ``seconds``, the first time after so long unless ``at_once``."""
        first = {"next_run_time": datetime.now(UTC)} if at_once else {}
        self._scheduler.add_job(
            _guarded, "interval", args=[work], seconds=seconds, misfire_grace_time=None, **first
        )

    def start(self) -> None:
        """Begin with all of it."""
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Wait for what is being done; nothing is begun any more."""
        self._stopping.set()
        self._scheduler.shutdown(wait=True)
        self._watch.join()

    def _watch_clock(self) -> None:
        before = _ahead()
        while not self._stopping.wait(_LOOK_SECONDS):
            now = _ahead()
            if abs(now - before) > _DRIFT_SECONDS:
                logger.warning("the clock was set by %+.0f s", now - before)
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))
            before = now


def _ahead() -> float:
    """Seconds that the clock is ahead of one that is never set."""
    return time.time() - time.monotonic()


def _guarded(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        logger.exception("trying again at the next turn")
