"""What the service itself has to say: alerts of its own, which pass the stages of Grafana's."""

from __future__ import annotations

from datetime import datetime

from alerting.notification import Alert

#: Who looks after the stack, as grafana/thresholds.toml names its rules' teams.
OWNER = "platform"


def own_alert(
    key: str,
    kind: str,
    summary: str,
    description: str,
    since: datetime,
    *,
    severity: str = "error",
    ended: datetime | None = None,
) -> Alert:
    """``key``: the same for the same trouble; ``ended``: when it was over, None while it lasts."""
    return Alert(
        status="firing" if ended is None else "resolved",
        labels={
            "alertname": f"Everyspan: {kind.replace('_', ' ')}",
            "kind": kind,
            "layer": "operational",
            "severity": severity,
            "team": OWNER,
        },
        annotations={"summary": summary, "description": description},
        starts_at=since,
        ends_at=ended,
        fingerprint=f"own-{key}"[:64],
    )


def is_own(alert: Alert) -> bool:
    """Whether it is about the stack itself: there is no trace behind it."""
    return alert.fingerprint.startswith("own-") and alert.labels.get("team") == OWNER
