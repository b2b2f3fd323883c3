"""Mute: what a silence matches is recorded, and told only if it still fires afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from alerting.message import Event
from alerting.notification import Alert
from alerting.store.deliveries import Status
from alerting.store.silences import Silence
from alerting.store.store import Store


def mute(
    store: Store,
    alert: Alert,
    destination: str,
    event: Event,
    status: Status,
    silences: Sequence[Silence],
) -> Status:
    """``status``, or silenced. A silence must not keep an incident open."""
    if not _is_muted(alert, silences):
        return status
    ends = event == "resolve" and store.deliveries.was_told(alert.key, destination)
    return status if ends else "silenced"


def release(store: Store) -> int:
    """What was muted and still fires, with no silence left for it, is to be told; how many."""
    with store.file.transaction():
        silences = store.silences.active()
        over = [each for each in store.deliveries.muted() if not _is_muted(each.alert, silences)]
        store.deliveries.release(over)
    return len(over)


def end(store: Store, number: int) -> bool:
    """End a silence; False where there is none of that id."""
    with store.file.transaction():
        removed = store.silences.remove(number)
        release(store)
    return removed


def _is_muted(alert: Alert, silences: Sequence[Silence]) -> bool:
    return any(silence.matches(alert.labels) for silence in silences)
