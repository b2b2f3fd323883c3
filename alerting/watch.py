"""The service's watch over itself: what it finds is told as an alert of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from alerting.notification import Alert
from alerting.own_alerts import own_alert
from alerting.queues import Queue, Queues
from alerting.routing import Routes
from alerting.stages.record import hear
from alerting.store.store import Store
from alerting.telemetry import Telemetry

log = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0


class Watch:
    """``told``: called when somebody is to be told of something."""

    def __init__(
        self,
        store: Store,
        routes: Routes,
        queues: Queues,
        telemetry: Telemetry,
        told: Callable[[], None],
    ) -> None:
        self._store, self._routes, self._queues = store, routes, queues
        self._telemetry, self._told = telemetry, told
        self._next = 0.0

    def look(self) -> bool:
        """If it is time; False, since there is never more to do at once."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _EVERY_SECONDS
        for queue in self._queues.look():
            self._tell_of(queue)
        return False

    def _tell_of(self, queue: Queue) -> None:
        waits = time.time() - queue.waits_since / 1000 if queue.waits_since else 0.0
        self._telemetry.waiting.labels(queue.name).set(max(0.0, waits))
        self._telemetry.stalled.labels(queue.name).set(bool(queue.trouble))
        key, now = f"queue-{queue.name}", datetime.now(UTC)
        known = self._store.alerts.one(f"own-{key}"[:64])
        fires = known is not None and known.status == "firing"
        others = [name for name in self._routes.destinations if name != queue.name]
        if queue.trouble and not fires:
            log.error("alerts do not go out: %s", queue.trouble)
            since = datetime.fromtimestamp(queue.waits_since / 1000, UTC)
            summary = f"Alerts do not go out: {queue.trouble}"[:500]
            self._hear(own_alert(key, "alerts_stuck", summary, _REMEDY, since), others)
        elif known is not None and fires and not queue.trouble:
            log.info("alerts go out again: %s", queue.name)
            ended = known.model_copy(update={"status": "resolved", "ends_at": now})
            self._hear(ended, others)

    def _hear(self, alert: Alert, destinations: Sequence[str]) -> None:
        if hear(self._store, [(alert, destinations)]):
            self._told()


_REMEDY = (
    "See `everyspan alerts --status pending` and the log of the alerting service. What waits is"
    " told once it moves again; `everyspan alerts resend` tries at once."
)
