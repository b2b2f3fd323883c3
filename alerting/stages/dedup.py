"""Dedup: nobody is told what they know, nor of the end of what they never heard of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alerting.stages.group import Group
from alerting.store.deliveries import Deliveries
from alerting.store.store import Store


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
        for destination in store.standings.destinations(alert.key):
            told = store.deliveries.last_told(alert.key, destination)
            if told is not None:
                last, case_key = told
                store.deliveries.add(
                    alert,
                    destination,
                    "acknowledge",
                    "pending",
                    turn=f"acknowledged {last}",
                    case_key=case_key,
                )
    return True
