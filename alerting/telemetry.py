"""Prometheus metrics of the alerting service."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Telemetry:
    """One registry an application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "everyspan_alerting_requests_total",
            "Webhook requests by HTTP status.",
            ["code"],
            registry=self.registry,
        )
        self.notifications = Counter(
            "everyspan_alerting_notifications_total",
            "Notifications recorded, by status (firing, resolved) and whether they were new.",
            ["status", "new"],
            registry=self.registry,
        )
        self.spooled = Gauge(
            "everyspan_alerting_spooled_notifications",
            "Notifications kept on disk.",
            registry=self.registry,
        )
