"""Inhibit: an alert that flaps is told once as flapping, then not until it has been steady."""

from __future__ import annotations

from alerting.message import Event
from alerting.notification import Alert
from alerting.store.alerts import Known
from alerting.store.deliveries import Status
from alerting.store.file import now_ms
from alerting.store.store import Store

#: Changes of state within so long that make an alert a flapping one, and how long it must be
#: steady to be one no more, in ms.
FLAPPING_CHANGES, FLAPPING_MS, STEADY_MS = 6, 3_600_000, 900_000


def changes(known: Known | None, now: int) -> tuple[list[int], bool]:
    """When its state changed, in ms since 1970, with the change of ``now``; whether it flaps."""
    recent = [at for at in known.changes if at > now - FLAPPING_MS] if known else []
    recent.append(now)
    return recent, bool(known and known.flapping) or len(recent) >= FLAPPING_CHANGES


def inhibit(alert: Alert, known: Known | None, flaps: bool) -> tuple[Event, Status]:
    """As what a change of state is told, if it is."""
    if not flaps:
        return ("resolve" if alert.status == "resolved" else "trigger"), "pending"
    return "flapping", "held" if known and known.flapping else "pending"


def release(store: Store) -> int:
    """Tell of those that have been steady for a while, as they are now; deliveries made."""
    made = 0
    with store.file.transaction():
        for alert in store.alerts.steady(now_ms() - STEADY_MS):
            event: Event = "trigger" if alert.status == "firing" else "resolve"
            for destination in store.deliveries.destinations(alert.key):
                made += store.deliveries.add(alert, destination, event, "pending", "steady")
    return made
