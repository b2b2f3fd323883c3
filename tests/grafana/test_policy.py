"""The notification policy that is provisioned: what is told together."""

from __future__ import annotations

import yaml

from grafana.evaluation.provisioning import Alerting
from grafana.evaluation.routing import targets
from tests.grafana.test_sql import FOLDER


def keys(**labels: str) -> set[str]:
    """Group keys of the same alert of three services."""
    text = (FOLDER / "provisioning/alerting/notifications.yaml").read_text(encoding="utf-8")
    (policy,) = Alerting.model_validate(yaml.safe_load(text)).policies
    found = set()
    for service in ("search", "support", "checkout"):
        every = {"service": service, "environment": "live"} | labels
        (target,) = targets(policy, every)
        found.add(target.group_key(every))
    return found


def test_one_drift_of_several_services_is_one_notification() -> None:
    drift = {"alertname": "A fail rate differs", "layer": "drift", "severity": "warning"}
    told = keys(**drift, classifier="hallucination")
    assert len(told) == 1
    assert told != keys(**drift, classifier="promises_refund")


def test_other_warnings_are_told_by_service() -> None:
    assert len(keys(alertname="Slow", layer="operational", severity="warning")) == 3
