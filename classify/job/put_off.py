"""Traces that can't be judged or stored now: tried again later, ever more rarely."""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Iterable

from classify.job.due import DueTrace
from classify.telemetry import Telemetry

logger = logging.getLogger(__name__)

#: Seconds until a trace is tried again, twice as long each time.
_FIRST_DELAY_SECONDS, _LAST_DELAY_SECONDS = 10.0, 3600.0
#: So many traces put off in one pass mean that the storage is at fault, not they.
_MOST = 5


class PutOff:
    """For one thread."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        #: trace_id to when it is tried again, by time.monotonic(), and to the delay.
        self._until: dict[str, tuple[float, float]] = {}
        self._strikes = 0

    def new_pass(self) -> None:
        """Count anew."""
        self._strikes = 0

    def without(self, due: Iterable[DueTrace], done: Container[DueTrace] = ()) -> list[DueTrace]:
        """Those whose time has come, and that are not ``done``."""
        now = time.monotonic()
        return [
            trace
            for trace in due
            if trace not in done and self._until.get(trace.trace_id, (0.0, 0.0))[0] <= now
        ]

    def add(self, trace: DueTrace, error: Exception) -> None:
        """Raises the error where too many traces have one."""
        delay = self._until.get(trace.trace_id, (0.0, _FIRST_DELAY_SECONDS / 2))[1] * 2
        delay = min(delay, _LAST_DELAY_SECONDS)
        self._until[trace.trace_id] = (time.monotonic() + delay, delay)
        self._telemetry.errors.labels("trace").inc()
        logger.error("trace %s put off for %.0f s: %s", trace.trace_id, delay, error)
        self._strikes += 1
        if self._strikes >= _MOST:
            raise error

    def stored(self, traces: Iterable[DueTrace]) -> None:
        """These are done."""
        for trace in traces:
            self._until.pop(trace.trace_id, None)
