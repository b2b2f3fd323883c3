"""Prometheus metrics of the alerting service."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from clickhouse.set_aside import SetAside


class Telemetry:
    """One registry an application. ``alone``: no other service of its process counts the records
    that are set aside, which are the process's."""

    def __init__(self, *, alone: bool = True) -> None:
        self.registry = CollectorRegistry()
        if alone:
            self.registry.register(SetAside())
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
        self.deliveries = Gauge(
            "everyspan_alerting_deliveries",
            "Deliveries kept on disk, by state: pending, sent, dead, silenced, held, folded.",
            ["state"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "everyspan_alerting_waiting_seconds",
            "Age of the oldest that waits, by queue: notifications, and each destination's.",
            ["queue"],
            registry=self.registry,
        )
        self.stalled = Gauge(
            "everyspan_alerting_stalled",
            "1 where a queue does not move, or its destination takes nothing.",
            ["queue"],
            registry=self.registry,
        )
        self.sent = Counter(
            "everyspan_alerting_sent_total",
            "Tries to tell a destination, by outcome: sent, away (tried again), refused, error.",
            ["destination", "outcome"],
            registry=self.registry,
        )
        self.send_seconds = Histogram(
            "everyspan_alerting_send_seconds", "Of one try.", registry=self.registry
        )
        self.enrich_seconds = Histogram(
            "everyspan_alerting_enrich_seconds",
            "Looking up what is behind an alert.",
            registry=self.registry,
        )
