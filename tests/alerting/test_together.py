"""Drift of several classifiers and services that began together is one incident with a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alerting.message import percent
from tests.alerting.pipelines import alert, pipeline, tell
from tests.alerting.stand_in import stand_in, wait


def drift(fingerprint: str, classifier: str, service: str, **labels: str) -> dict[str, Any]:
    named = {
        "alertname": "A fail rate differs from past weeks",
        "classifier": classifier,
        "service": service,
        "environment": "production",
        "layer": "drift",
        "severity": "warning",
    }
    return alert(fingerprint, labels=named | labels)


def test_drift_that_begins_together_is_one_incident_and_ends_as_one(tmp_path: Path) -> None:
    services = ("search", "support", "checkout")
    # Grafana groups by classifier: two notifications within a second, and another alert besides.
    first = [drift(f"h-{s}", "hallucination", s) for s in services]
    second = [drift(f"p-{s}", "promises_refund", s) for s in services]
    staging = drift("staging", "toxicity", "search", environment="staging")
    other = alert("other", labels={"alertname": "Traces are slow", "service": "search"})
    with (
        stand_in() as server,
        pipeline(tmp_path, {"hook": server}, alert_gather_seconds=2) as store,
    ):
        tell(store, *first)
        tell(store, other)
        tell(store, *second, staging)
        wait(lambda: len(server.taken) == 3, lambda: server.taken)
        told = {each["dedup_key"]: each for each in server.taken}
        assert len(told) == 3
        (whole,) = (each for each in told.values() if each["count"] == 6)
        assert whole["headline"].startswith("6 drifts at once: ")
        for classifier in ("hallucination", "promises_refund"):
            for service in services:
                assert f"{classifier} {service}" in whole["headline"]
        assert server.taken[0]["count"] == 1, "what is no drift waits for nothing"
        assert store.deliveries.counts()["folded"] == 5

        tell(store, *({**each, "status": "resolved"} for each in (*first, *second[:2])))
        wait(lambda: store.deliveries.counts()["folded"] == 10, store.deliveries.counts)
        assert len(server.taken) == 3, "it is not over before all of it is"
        tell(store, {**second[2], "status": "resolved"})
        wait(lambda: len(server.taken) == 4, lambda: server.taken)
        assert server.taken[-1]["event"] == "resolve"
        assert server.taken[-1]["dedup_key"] == whole["dedup_key"]


def test_no_message_is_of_two_projects(tmp_path: Path) -> None:
    """Neither of a burst, nor of what has one cause."""
    burst = [
        alert(f"{project}-{n}", labels=named)
        for n in range(12)
        for project in ("default", "alpha")
        for named in [{"alertname": f"rule {n}", "service": "search", "kind": "fail_rate"}]
        for named in [named | ({"project": project} if project == "alpha" else {})]
    ]
    drifts = [
        drift(f"{project}{name}", name, "search", **({"project": project} if project else {}))
        for project in ("", "alpha")
        for name in ("hallucination", "toxicity")
    ]
    with (
        stand_in() as server,
        pipeline(tmp_path, {"hook": server}, alert_gather_seconds=2) as store,
    ):
        tell(store, *burst)
        wait(lambda: sum(each["count"] for each in server.taken) == 24, lambda: server.taken)
        tell(store, *drifts)
        wait(lambda: sum(each["count"] for each in server.taken) == 28, lambda: server.taken)
        assert sorted(each["count"] for each in server.taken[-2:]) == [2, 2]
        for each in server.taken:
            told = each["labels"].get("project")
            assert (each["count"], told) in ((12, None), (12, "alpha"), (2, None), (2, "alpha"))


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.07382, "7.4 %"), (1.0, "100 %"), (0.149, "14.9 %"), (0.0004, "0.04 %"), (0.0, "0 %")],
)
def test_a_rate_is_rounded(share: float, told: str) -> None:
    assert percent(share) == told
