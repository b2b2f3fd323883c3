"""What the service says about itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Unmapped attribute names are kept apart up to this many; the rest count as 'other'.
_MAX_SERIES = 500


class Telemetry:
    """The metrics of one ingest service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "everyspan_ingest_requests_total",
            "Requests by signal, transport and HTTP status.",
            ["signal", "transport", "status"],
            registry=self.registry,
        )
        self.stored = Counter(
            "everyspan_ingest_rows_stored_total",
            "Rows that ClickHouse has acknowledged.",
            ["table"],
            registry=self.registry,
        )
        self.rejected = Counter(
            "everyspan_ingest_rejected_total",
            "Spans and log records that were refused within an accepted request.",
            ["signal"],
            registry=self.registry,
        )
        self.ignored = Counter(
            "everyspan_ingest_ignored_total",
            "Log records without GenAI content, and metrics: accepted, not stored.",
            ["signal"],
            registry=self.registry,
        )
        self.not_understood = Counter(
            "everyspan_ingest_not_understood_total",
            "GenAI attributes that no convention maps, by the tracer's scope. They stay queryable"
            " in the column attributes.",
            ["scope", "attribute"],
            registry=self.registry,
        )
        self.over_rate = Counter(
            "everyspan_ingest_over_rate_total",
            "Requests that were refused with 429 because their project's key had sent more spans a"
            " second than it may.",
            ["signal"],
            registry=self.registry,
        )
        self.masked = Counter(
            "everyspan_ingest_masked_total",
            "Values that EVERYSPAN_PRIVACY_FILE took out before storing, by kind or field;"
            " `unreadable` counts whole texts of which no rule could tell.",
            ["kind"],
            registry=self.registry,
        )
        self.reused_ids = Counter(
            "everyspan_ingest_reused_ids_total",
            "Spans with the ids of another span that came lately, with other content or start: all"
            " are stored, told apart by the columns fingerprint and id_reuse.",
            registry=self.registry,
        )
        self.stage_seconds = Counter(
            "everyspan_ingest_stage_cpu_seconds_total",
            "CPU seconds by stage.",
            ["stage"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "everyspan_ingest_request_seconds",
            "From the whole body received to the answer.",
            ["signal"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10),
            registry=self.registry,
        )
        self.insert_seconds = Histogram(
            "everyspan_ingest_insert_seconds",
            "Time of one insert.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.insert_rows = Histogram(
            "everyspan_ingest_insert_rows",
            "Rows in one insert.",
            buckets=(1, 10, 100, 500, 1000, 2500, 5000, 10_000, 20_000, 50_000, 100_000),
            registry=self.registry,
        )
        self.insert_errors = Counter(
            "everyspan_ingest_insert_errors_total",
            "Inserts that ClickHouse refused or did not answer.",
            registry=self.registry,
        )
        self.set_aside = Counter(
            "everyspan_ingest_kafka_set_aside_total",
            "Messages of Kafka that can never be stored, by topic; the log has partition, offset"
            " and reason, EVERYSPAN_KAFKA_ASIDE_TOPIC the message.",
            ["topic"],
            registry=self.registry,
        )
        self.kafka_lag = Gauge(
            "everyspan_ingest_kafka_lag_messages",
            "Messages that are not stored yet, by topic, of the partitions that this process has.",
            ["topic"],
            registry=self.registry,
        )
        self.pending_bytes = Gauge(
            "everyspan_ingest_pending_bytes",
            "Bytes held: of bodies as far as they have come, of rows that are not stored yet, and"
            " what workers need to make the one out of the other. EVERYSPAN_MAX_PENDING_BYTES"
            " bounds them.",
            registry=self.registry,
        )
        self.free_bytes = Gauge(
            "everyspan_ingest_storage_free_bytes",
            "What ClickHouse may still write to the disk of the spans. EVERYSPAN_MIN_FREE_BYTES is"
            " where /readyz says not ready.",
            registry=self.registry,
        )
        self._series: set[tuple[str, str]] = set()

    def count_not_understood(self, counts: dict[tuple[str, str], int]) -> None:
        """(scope, attribute) to number."""
        for key, number in counts.items():
            if key not in self._series and len(self._series) >= _MAX_SERIES:
                scope, attribute = "other", "other"
            else:
                self._series.add(key)
                scope, attribute = key
            self.not_understood.labels(scope, attribute).inc(number)
