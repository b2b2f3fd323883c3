"""Whether the queues move: what waits, since when, and who has not come by for too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from alerting.store.file import now_ms
from alerting.store.store import Store

#: The queue of notifications that nothing was made of yet.
NOTIFICATIONS = "notifications"


@dataclass(frozen=True, slots=True)
class Queue:
    """``waits_since``: of the oldest that waits, ms since 1970, 0 where none does; ``stands``: its
    worker has done nothing for too long though something is due; ``away``: why its destination has
    taken nothing for too long, '' where it has."""

    name: str
    waits_since: int = 0
    stands: bool = False
    away: str = ""

    @property
    def trouble(self) -> str:
        """One sentence; '' for none."""
        since = time.strftime("%H:%M:%S UTC", time.gmtime(self.waits_since / 1000))
        if self.stands:
            return f"{self.name}: what is due since {since} does not move"
        if self.away:
            return f"{self.name} has taken nothing since {since}: {self.away}"
        return ""


class Queues:
    """``seconds``: what is too long."""

    def __init__(self, store: Store, destinations: Iterable[str], seconds: float) -> None:
        self._store, self._seconds = store, seconds
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._moved = dict.fromkeys([NOTIFICATIONS, *destinations], time.monotonic())

    def moved(self, name: str) -> None:
        """Its worker has done something, or found nothing to do."""
        with self._lock:
            self._moved[name] = time.monotonic()

    def look(self) -> list[Queue]:
        """All of them."""
        waiting = {NOTIFICATIONS: self._store.notifications.oldest()}
        errors: dict[str, str] = {}
        due: dict[str, int] = {NOTIFICATIONS: waiting[NOTIFICATIONS]}
        for name, created, due_at, error in self._store.deliveries.waiting():
            waiting[name], due[name], errors[name] = created, due_at, error
        now, long_ago = now_ms(), now_ms() - int(self._seconds * 1000)
        # What waited while nobody was here to tell it says nothing of its destination.
        early = time.monotonic() - self._began <= self._seconds
        found = []
        with self._lock:
            for name, moved in self._moved.items():
                since, due_at = waiting.get(name, 0), due.get(name, 0)
                idle = time.monotonic() - moved > self._seconds
                found.append(
                    Queue(
                        name,
                        since,
                        stands=bool(since) and due_at <= now and idle,
                        away=errors.get(name, "") if 0 < since < long_ago and not early else "",
                    )
                )
        return found
