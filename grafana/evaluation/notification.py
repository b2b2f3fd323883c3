"""The body that Grafana's webhook contact point sends, made of our own instances.

receivers/webhook/v1 and templates/template_data.go of grafana/alerting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from grafana.evaluation.provisioning import Rule
from grafana.evaluation.states import Instance

_NEVER = "0001-01-01T00:00:00Z"


def body(
    receiver: str,
    group_key: str,
    group_labels: Mapping[str, str],
    alerts: Sequence[Instance],
    rules: Mapping[str, Rule],
    grafana_url: str,
) -> dict[str, Any]:
    """JSON of one group, firing alerts first. ``rules``: by uid; ``grafana_url``: '' for none."""
    ordered = sorted(alerts, key=lambda alert: (not alert.firing, alert.fingerprint))
    firing = sum(alert.firing for alert in ordered)
    status = "firing" if firing else "resolved"
    common = _common([alert.labels for alert in ordered])
    told = " ".join(group_labels.values())
    more = " ".join(f"{value}" for key, value in common.items() if key not in group_labels)
    count = f":{firing}" if firing else ""
    title = f"[{status.upper()}{count}] {told}" + (f" ({more})" if more else "")
    each = [_alert(alert, rules.get(alert.rule_uid), grafana_url) for alert in ordered]
    return {
        "receiver": receiver,
        "status": status,
        "orgId": 1,
        "alerts": each,
        "groupLabels": dict(group_labels),
        "commonLabels": common,
        "commonAnnotations": _common([alert.annotations for alert in ordered]),
        "externalURL": f"{grafana_url}/" if grafana_url else "",
        "version": "1",
        "groupKey": group_key,
        "truncatedAlerts": 0,
        "title": title,
        "state": "alerting" if firing else "ok",
        "message": "\n\n".join(alert.annotations.get("summary", "") for alert in ordered),
    }


def _alert(alert: Instance, rule: Rule | None, url: str) -> dict[str, Any]:
    labels = ", ".join(f"{k}={v}" for k, v in sorted(alert.labels.items()))
    board = rule.dashboardUid if rule and url else None
    resolved = alert.ends_at if not alert.firing else None
    matchers = [("matcher", f"{k}={v}") for k, v in sorted(alert.labels.items())]
    silence = urlencode([("alertmanager", "grafana"), *matchers])
    return {
        "status": "firing" if alert.firing else "resolved",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": _time(alert.starts_at),
        "endsAt": _time(resolved),
        "generatorURL": f"{url}/alerting/grafana/{alert.rule_uid}/view?orgId=1" if url else "",
        "fingerprint": alert.fingerprint,
        "silenceURL": f"{url}/alerting/silence/new?{silence}" if url else "",
        "dashboardURL": f"{url}/d/{board}?orgId=1" if board else "",
        "panelURL": f"{url}/d/{board}?orgId=1&viewPanel={rule.panelId}" if board and rule else "",
        "ruleUID": alert.rule_uid,
        "values": alert.values or None,
        "valueString": ", ".join(
            f"[ var='{ref}' labels={{{labels}}} value={value:.10g} ]"
            for ref, value in sorted(alert.values.items())
        ),
        "orgId": 1,
    }


def _common(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first = each[0]
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in each)}


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else _NEVER
