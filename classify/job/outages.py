"""What is broken now, since when, and when to look at it again."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from classify.telemetry import Telemetry

logger = logging.getLogger(__name__)

#: Seconds until something broken is tried again, twice as long each time.
FIRST_SECONDS, LAST_SECONDS = 5.0, 60.0


@dataclass(slots=True)
class _Outage:
    reason: str
    again_at: float


class Outages:
    """Of classifiers, by name. For one thread; ``reasons`` may be read by any."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._found: dict[str, _Outage] = {}
        # Outlives the outage: what works for a moment only is not tried more often for it.
        self._delays: dict[str, float] = {}
        #: Name to why it can't judge.
        self.reasons: Mapping[str, str] = {}

    def broke(self, found: Mapping[str, str]) -> None:
        """These can't judge, and why; known ones are tried later than before."""
        for name, reason in found.items():
            delay = min(self._delays.get(name, FIRST_SECONDS / 2) * 2, LAST_SECONDS)
            self._delays[name] = delay
            if self.reasons.get(name) != reason:
                logger.error("%s can't judge; its rows wait: %s", name, reason)
            self._found[name] = _Outage(reason, time.monotonic() + delay)
            self._telemetry.broken.labels(name).set(1)
        self._tell()

    def mended(self, names: Iterable[str]) -> None:
        """These work again."""
        for name in names:
            if self._found.pop(name, None):
                logger.info("%s works again; the rows that waited for it are judged", name)
                self._telemetry.broken.labels(name).set(0)
        self._tell()

    def worked(self, names: Iterable[str]) -> None:
        """These have judged real rows."""
        for name in names:
            if name not in self._found:
                self._delays.pop(name, None)

    def due(self) -> list[str]:
        """Those to try again now."""
        now = time.monotonic()
        return [name for name, each in self._found.items() if each.again_at <= now]

    def _tell(self) -> None:
        self.reasons = {name: each.reason for name, each in sorted(self._found.items())}
