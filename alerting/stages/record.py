"""Record: what became of each alert of a notification, and who is to be told of it.

Here the state machine (alert_state.py) meets the store: all of a notification is one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from alerting.alert_state import REMIND_MS, Heard, advance
from alerting.notification import Alert
from alerting.spool import Received
from alerting.stages.mute import is_muted
from alerting.store.file import now_ms
from alerting.store.silences import Silence
from alerting.store.store import Store
from alerting.unevaluated import failing_of

Routed = Sequence[tuple[Alert, Sequence[str]]]
"""Alerts, each with the names of its destinations."""

#: What has one cause waits so long for others of it: Grafana tells each group by itself.
GATHER_MS = 10_000


def record(
    store: Store,
    received: Received,
    routed: Routed,
    remind_ms: int = REMIND_MS,
    gather_ms: int = GATHER_MS,
) -> int:
    """Make deliveries of a notification's alerts.

    All or nothing; a notification that was recorded makes none. Returns new deliveries.
    """
    with store.file.transaction():
        if not store.notifications.process(received.id):
            return 0
        return hear(store, routed, remind_ms, gather_ms)


def hear(
    store: Store, routed: Routed, remind_ms: int = REMIND_MS, gather_ms: int = GATHER_MS
) -> int:
    """The alerts are in these states now; new deliveries."""
    made = 0
    with store.file.transaction():
        now, silences = now_ms(), store.silences.active()
        blind = store.failing_rules.names()
        for alert, destinations in routed:
            if (failing := failing_of(alert)) is not None:
                # No finding: the watch tells of it, with all others of one cause.
                if alert.status == "firing":
                    store.failing_rules.put(failing, now)
                else:
                    store.failing_rules.remove(failing.fingerprint)
                continue
            name = alert.labels.get("alertname", "")
            if alert.status == "firing" and store.failing_rules.evaluated(name, _starts_at(alert)):
                blind = store.failing_rules.names()
            was_held = store.held_resolutions.remove(alert.key)
            if alert.status == "resolved" and not store.alerts.known(alert.key):
                # Over before it was heard of.
                continue
            if alert.status == "resolved" and name in blind:
                # Nobody has looked: the watch tells of the end once somebody has.
                store.held_resolutions.put(alert)
                continue
            store.alerts.heard(alert, now)
            for destination in destinations:
                made += _advance(
                    store,
                    alert,
                    destination,
                    alert.status,
                    now,
                    silences,
                    remind_ms,
                    gather_ms,
                    goes_on=was_held,
                )
    return made


def _starts_at(alert: Alert) -> int:
    """In ms since 1970, 0 where it does not say."""
    return int(alert.starts_at.timestamp() * 1000) if alert.says_since else 0


def cause_of(alert: Alert) -> str:
    """The same for alerts that are one incident where they begin together; '' for all others."""
    if alert.labels.get("layer") != "drift":
        return ""
    # One message is of one project.
    told = (alert.labels.get("project", ""), alert.labels.get("environment", ""))
    return f"drift in {' '.join(filter(None, told))}"


def release(store: Store) -> int:
    """Tell what time alone has changed: a silence that is over, an alert that flaps no more."""
    made = 0
    with store.file.transaction():
        now, silences = now_ms(), store.silences.active()
        for alert, destination, _ in store.standings.waiting():
            made += _advance(store, alert, destination, "nothing", now, silences)
    return made


def _advance(
    store: Store,
    alert: Alert,
    destination: str,
    heard: Heard,
    now: int,
    silences: Sequence[Silence],
    remind_ms: int = REMIND_MS,
    gather_ms: int = GATHER_MS,
    *,
    goes_on: bool = False,
) -> int:
    was = store.standings.get(alert.key, destination)
    step = advance(
        was,
        heard,
        now,
        starts_at=_starts_at(alert),
        muted=is_muted(alert, silences),
        remind_ms=remind_ms,
        goes_on=goes_on,
    )
    if step.event == "reminder" and store.deliveries.waits(alert.key, destination):
        # It is on its way: the destination does not answer.
        return 0
    if step.standing != was:
        store.standings.put(alert.key, destination, step.standing)
    if step.event is None:
        return 0
    return store.deliveries.add(
        alert,
        destination,
        step.event,
        step.status,
        turn=str(step.standing.turn),
        # Looked up once for all destinations that are told of this.
        case_key=f"{alert.state_key} {now}",
        cause=cause_of(alert) if step.event == "trigger" else "",
        gather_ms=gather_ms,
    )
