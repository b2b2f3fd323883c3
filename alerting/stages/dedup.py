"""Dedup: nobody is told what they know, nor of the end of what they never heard of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerting.notification import Alert
from alerting.stages.group import Group
from alerting.store.alerts import Known
from alerting.store.deliveries import Deliveries
from alerting.store.store import Store


def is_news(alert: Alert, known: Known | None) -> bool:
    """Whether the alert changed its state; one that is over before it was heard of did not."""
    if known is None:
        return alert.status == "firing"
    return known.state_key != alert.state_key


def dedup(deliveries: Deliveries, groups: Sequence[Group]) -> list[Group]:
    """Those to be told. Ends stay where the destination knows of an incident, and of those that
    were told as one only once all of them have ended."""
    found = []
    for each in groups:
        kept = each.deliveries
        if each.first.event == "resolve":
            still_open = each.told_with is not None and deliveries.is_open(each.told_with)
            kept = tuple(
                end
                for end in each.deliveries
                if not still_open
                and deliveries.was_told(end.fingerprint, end.destination, before=end.id)
            )
            if len(kept) < len(each.deliveries):
                deliveries.dedup([end for end in each.deliveries if end not in kept])
        if kept:
            found.append(replace(each, deliveries=kept))
    return found


def acknowledge(store: Store, number: int) -> bool:
    """Tell those who were told that somebody is at it; False where there is no such delivery, or
    its alert fires no more."""
    with store.file.transaction():
        alert = store.alerts.firing(number)
        if alert is None:
            return False
        for destination in store.deliveries.destinations(alert.key):
            if store.deliveries.was_told(alert.key, destination):
                store.deliveries.add(alert, destination, "acknowledge", "pending", "acknowledged")
    return True
